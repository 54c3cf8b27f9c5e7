"""A report from plan to page: the first, one without a change, a regression that alarms, and hostile model outputs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from invoke import invoke

from evalkit.report import ledger
from evalkit.report import tick as ticking
from evalkit.report.plan import read_plan

HOSTILE = (
    "<script>fetch('http://evil.example/')</script><img src=http://evil.example/x onerror=alert(1)>\u202e$x$ `| a |"
)
TASK = """
name: words
title: Words
source: the tests
licence: CC0-1.0
kind: language
formulation: generate
data: {files: [words]}
forms: [{question: question, answers: answer}]
prompt: "{{question}} ="
shots: {count: 0}
metrics: [exact_match]
decoding: {max_new: 8, stop: ["\\n"]}
"""


class Page(HTMLParser):
    """What a browser would run or load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def says(folder: Path, wrong: int) -> None:
    """A model's recorded answers, the first `wrong` of them wrong."""
    rows = [{"prompt": f"q{n} =", "output": HOSTILE if n < wrong else f"a{n}"} for n in range(200)]
    (folder / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "words.yaml").write_text(TASK)
    rows = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(200)]
    (tmp_path / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    says(tmp_path, 20)
    told = [sys.executable, "-c", f"import sys; open({str(tmp_path / 'told.json')!r}, 'a').write(sys.stdin.read())"]
    values = {
        "name": "nightly",
        "title": f"Nightly {HOSTILE}",
        "watch": [{"name": "recorded", "model": f"recorded:{tmp_path / 'said.jsonl'}"}],
        "tasks": [str(tmp_path / "words.yaml")],
        "evaluation": {"data": {"words": str(tmp_path / "words.jsonl")}},
        "on_alarm": told,
    }
    (tmp_path / "plan.yaml").write_text(json.dumps(values))
    return tmp_path / "plan.yaml"


def tick(plan: Path, monkeypatch: pytest.MonkeyPatch, day: int) -> Any:
    class Clock(datetime):
        @classmethod
        def now(cls, zone: Any = None) -> datetime:
            return datetime(2026, 11, day, 12, tzinfo=UTC)

    monkeypatch.setattr(ticking, "datetime", Clock)
    return invoke("evalkit", "report", "tick", plan, "--root", plan.parent / "ws")


def test_reports_over_days(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tick(plan, monkeypatch, 1)
    assert first.code == 0, first.stderr
    assert first.data["reports"][0]["verdict"] == "the first report: nothing to compare with"
    assert tick(plan, monkeypatch, 1).data["reports"][0]["verdict"] == "nothing is due"
    same = tick(plan, monkeypatch, 2)
    assert same.data["reports"][0]["verdict"] == "no detectable change in 1 comparison"
    says(plan.parent, 60)
    worse = tick(plan, monkeypatch, 3)
    assert worse.code == 1 and "regressed: recorded: words: exact_match has fallen by 20.00 points" in worse.stderr
    home = plan.parent / "ws/reports/nightly"
    report = json.loads((home / "2026-11-03T0600Z/report.json").read_text())
    assert report["schema"] == "evalkit.report/1" and report["level"] == "error"
    assert report["provenance"]["command"] == f"evalkit report build {plan} --root {plan.parent / 'ws'}"
    assert report["cadence"] == read_plan(plan).cadence.model_dump()
    assert {alarm["level"] for alarm in report["alarms"]} == {"error", "warn"}
    [row] = report["models"][0]["compared"]
    assert (row["gained"], row["lost"], row["verdict"]) == (0, 40, "a") and len(row["flips"]) == 3
    told = json.loads((plan.parent / "told.json").read_text())
    assert told["plan"] == "nightly" and len(told["alarms"]) == 2
    assert len((home / "alarms.jsonl").read_text().splitlines()) == 2
    asked = ("evalkit", "report", "acknowledge", plan, "--root", plan.parent / "ws")
    assert {row["about"]: row["quiet_until"] for row in invoke(*asked).data["alarms"]} == {
        alarm["about"]: None for alarm in told["alarms"]
    }
    known = invoke(*asked, "recorded: words", "--days", "9999")
    assert known.code == 0
    assert [row["quiet_until"] for row in invoke(*asked).data["alarms"] if row["about"] == "recorded: words"] != [None]
    quiet = tick(plan, monkeypatch, 4)
    assert quiet.code == 0 and quiet.data["reports"][0]["verdict"].startswith("regressed")
    listed = invoke("evalkit", "report", "list", plan, "--root", plan.parent / "ws")
    assert len(listed.data["plans"][0]["reports"]) == 4


def test_the_page_runs_and_loads_nothing(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tick(plan, monkeypatch, 1)
    says(plan.parent, 60)
    tick(plan, monkeypatch, 2)
    folder = plan.parent / "ws/reports/nightly/2026-11-02T0600Z"
    page = (folder / "report.html").read_text()
    found = Page(page)
    assert not found.tags & {"script", "img", "iframe", "object", "embed", "form", "input", "a", "base"}
    assert not found.attributes & {"src", "href", "onerror", "onload", "srcdoc", "action"}
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert len(page) < 1 << 20 and "&lt;script&gt;" in page and "\u202e" not in page
    text = (folder / "report.md").read_text()
    assert "<script>" not in text and "\u202e" not in text


def test_the_page_in_a_browser(plan: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium")
    tick(plan, monkeypatch, 1)
    says(plan.parent, 60)
    tick(plan, monkeypatch, 2)
    page = plan.parent / "ws/reports/nightly/2026-11-02T0600Z/report.html"
    log = tmp_path / "net.json"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--log-net-log={log}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert "regressed" in done.stdout and "evil.example" in done.stdout
    assert "evil.example" not in log.read_text()  # shown as text, and never asked for


@pytest.mark.parametrize("form", ["cron", "systemd", "github", "airflow"])
def test_snippets_name_the_plan(plan: Path, form: str) -> None:
    ended = invoke("evalkit", "schedule", "print", plan, "--for", form, "--root", plan.parent / "ws")
    assert ended.code == 0 and "evalkit report tick" in ended.data["snippet"] and "plan.yaml" in ended.data["snippet"]
    place = {"cron": "cd ", "systemd": "WorkingDirectory=", "github": "checkout", "airflow": "cwd="}
    assert place[form] in ended.data["snippet"]  # where the plan's own paths are told from
    assert "did you mean 'cron'" in invoke("evalkit", "schedule", "print", plan, "--for", "corn").stderr


def test_a_service_looks_and_goes_on(plan: Path) -> None:
    ended = invoke(
        "evalkit", "schedule", "run", plan, "--check-every", "1", "--times", "2", "--root", plan.parent / "ws"
    )
    assert ended.code == 0 and ended.data["looks"] == 2
    (plan.parent / "said.jsonl").unlink()
    late = invoke("evalkit", "report", "check", plan, "--root", plan.parent / "ws", "--max-age", "26h")
    assert late.code == 0
    assert invoke("evalkit", "report", "check", plan, "--root", plan.parent / "nowhere").code == 1
    assert "is no time" in invoke("evalkit", "report", "check", plan, "--max-age", "soon").stderr


def test_the_plan_of_the_demo() -> None:
    read = read_plan(Path(__file__).parents[3] / "examples/report.yaml")
    assert [one.name for one in read.watch] == ["model", "data"] and read.tasks == ("winnow-small",)


def test_what_is_missing_is_said(plan: Path) -> None:
    (plan.parent / "said.jsonl").unlink()
    ended = invoke("evalkit", "report", "tick", plan, "--root", plan.parent / "ws")
    assert ended.code == 4 and "said.jsonl" in ended.stderr
    assert not list((plan.parent / "ws/reports/nightly").glob("2026*"))
    again = invoke("evalkit", "report", "acknowledge", plan, "x", "--root", plan.parent / "ws")
    assert again.code == 4 and "no alarm about 'x'" in again.stderr


def test_a_baseline_that_was_cleared_away_keeps_no_report_from_being_made(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(plan, monkeypatch, 1)
    home = plan.parent / "ws/reports/nightly"
    first = json.loads((home / "2026-11-01T0600Z/report.json").read_text())["models"][0]["run"]
    shutil.rmtree(first)
    says(plan.parent, 21)
    assert tick(plan, monkeypatch, 2).data["reports"][0]["verdict"] == "the first report: nothing to compare with"
    says(plan.parent, 22)
    assert "no detectable change" in tick(plan, monkeypatch, 3).data["reports"][0]["verdict"]
    (home / "2026-11-02T0600Z/report.json").write_text('{"schema": 7')
    torn = tick(plan, monkeypatch, 4)
    assert (
        torn.code == 4 and "2026-11-02T0600Z/report.json" in torn.stderr and "no report that can be read" in torn.stderr
    )


def test_one_plan_that_fails_does_not_hold_up_another(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = plan.parent / "broken.yaml"
    values = json.loads(plan.read_text())
    broken.write_text(json.dumps({**values, "name": "broken", "watch": [{"name": "x", "model": "recorded:nowhere"}]}))
    ended = invoke("evalkit", "report", "tick", broken, plan, "--root", plan.parent / "ws")
    assert ended.code == 4 and "broken: " in ended.stderr
    assert [row["verdict"] for row in ended.data["reports"]] == [
        "failed",
        "the first report: nothing to compare with",
    ]


def test_an_alarm_whose_teller_was_killed_is_told_by_the_next_tick(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tick(plan, monkeypatch, 1)
    says(plan.parent, 60)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", killed)
        assert tick(plan, patch, 2).code == 130
    assert not (plan.parent / "told.json").exists()
    later = tick(plan, monkeypatch, 2)
    assert later.code == 1 and len(json.loads((plan.parent / "told.json").read_text())["alarms"]) == 2
    home = plan.parent / "ws/reports/nightly"
    assert len((home / "alarms.jsonl").read_text().splitlines()) == 2 and len(ledger.read(home)) == 2
    (home / "alarms.jsonl").write_bytes((home / "alarms.jsonl").read_bytes()[:-9])
    known = invoke("evalkit", "report", "acknowledge", plan, "recorded: words", "--root", plan.parent / "ws")
    assert known.code == 0


def test_a_task_under_a_preset_is_known_again(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plan.parent / "words.yaml").write_text(TASK + "presets:\n  short: {decoding: {max_new: 4}}\n")
    values = json.loads(plan.read_text())
    plan.write_text(json.dumps({**values, "tasks": [f"{plan.parent / 'words.yaml'}@short"]}))
    tick(plan, monkeypatch, 1)
    assert tick(plan, monkeypatch, 2).code == 0
    report = json.loads((plan.parent / "ws/reports/nightly/2026-11-02T0600Z/report.json").read_text())
    assert report["models"][0]["tasks"][0]["preset"] == "short" and report["alarms"] == []
