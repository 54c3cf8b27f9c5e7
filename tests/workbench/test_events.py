import json
from pathlib import Path

from workbench.events import Event, EventLog, last_events, read_events


def write(path: Path, *messages: str) -> None:
    with EventLog(path) as log:
        for message in messages:
            log(Event("info", "step", message))


def messages(path: Path) -> list[str]:
    return [event.message for event in read_events(path)]


def test_events_come_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    event = Event("warning", "extract", "slow\npage", unit="u1", counts={"records": 3}, rate=1.5, fraction=0.25)
    with EventLog(path) as log:
        log(event)
    assert list(read_events(path)) == [event]
    assert set(json.loads(path.read_text())) == {
        "time", "level", "step", "unit", "message", "counts", "rate", "fraction",
    }  # fmt: skip


def test_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, "one", "two")
    path.write_bytes(path.read_bytes()[:-20])
    assert messages(path) == ["one"]


def test_torn_line_spoils_no_later_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, "one", "two")
    path.write_bytes(path.read_bytes()[:-20])
    write(path, "three")
    assert messages(path) == ["one", "three"]


def test_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, "one")
    path.write_bytes(path.read_bytes() + b'{"level": "info"}\n[1]\n\xff\xfe\n{"other": 1}\n')
    write(path, "two")
    assert messages(path) == ["one", "two"]


def test_missing_log_holds_nothing(tmp_path: Path) -> None:
    assert messages(tmp_path / "none.jsonl") == []


def test_progress_is_thinned_out_by_step(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for _ in range(100):
            log(Event("progress", "read"))
            log(Event("progress", "write"))
        log(Event("error", "read", "kept"))
    assert [event.step for event in read_events(path)] == ["read", "write", "read"]


def test_line_is_on_the_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log(Event("info", "step", "now"))
    assert messages(path) == ["now"]
    log.close()


def test_the_end_of_a_log_is_read_without_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert last_events(path) == []
    with EventLog(path) as log:
        for number in range(100):
            log(Event("info", "read", f"line {number}"))
    path.write_bytes(path.read_bytes() + b'{"time": "2026-')  # as a writer leaves it in the middle of a line
    assert [event.message for event in last_events(path)] == [f"line {number}" for number in range(100)]
    found = [event.message for event in last_events(path, 1000)]
    assert found == [f"line {number}" for number in range(100 - len(found), 100)] and 0 < len(found) < 20
