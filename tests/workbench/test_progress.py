import io

from workbench.events import Event
from workbench.progress import Progress, describe


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tick(fraction: float, records: int) -> Event:
    return Event("progress", "extract", counts={"records": records}, rate=50.0, fraction=fraction)


def test_line_tells_share_rate_and_time_left() -> None:
    assert describe(tick(0.5, 1234), 12.0) == (
        "extract  [############------------]  50 %  1,234 records  50.0 records/s  12 s left"
    )


def test_units_where_no_records_are_counted() -> None:
    event = Event("progress", "merge", counts={"units_done": 3, "units_total": 4, "units_failed": 1}, fraction=1.0)
    assert describe(event, None) == "merge  [########################] 100 %  3 units  1 units failed"


def test_pipe_gets_a_line_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    for second in range(25):
        clock.now = float(second)
        progress(tick(second / 100, second * 50))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("500 records  50.0 records/s  1 min 30 s left")


def test_time_left_counts_from_where_a_resumed_run_began() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    progress(tick(0.8, 0))
    clock.now = 10.0
    progress(tick(0.9, 0))
    assert stream.getvalue().endswith("10 s left\n")


def test_terminal_is_redrawn_in_place() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    progress(tick(0.1, 1))
    clock.now = 1.0
    progress(tick(0.2, 2))
    progress(Event("warning", "extract", "odd\x1b[2J"))
    progress(tick(1.0, 3))
    text = stream.getvalue()
    assert text.count("\r\x1b[2K") >= 3
    assert "warning: odd⟨U+001B⟩[2J\n" in text
    assert text.endswith("\n")


def test_silence_keeps_errors() -> None:
    stream = io.StringIO()
    progress = Progress(stream, shown=False, warn=False)
    progress(tick(1.0, 1))
    progress(Event("warning", "extract", "hush"))
    progress(Event("error", "extract", "loud"))
    assert stream.getvalue() == "error: loud\n"


def test_what_a_step_says_of_itself_takes_the_place_of_its_rate() -> None:
    event = Event("progress", "train", "loss 2.5", counts={"steps": 1200}, rate=3.0, fraction=0.5)
    assert describe(event, 61) == "train  [############------------]  50 %  1,200 steps  loss 2.5  1 min 01 s left"
