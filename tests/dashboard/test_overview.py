"""Overview: its figures, what needs a person, what runs, and the page in workspaces of every kind."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from dashboard_app import page
from overview_runs import crawl, evaluated, report, told, trained

from dashboard.charts.overview import treemap, waterfall
from dashboard.queries import jobs, mixes, overview
from dashboard.source import Source, open_database
from dashboard.workspace import scan
from workbench.errors import UserError
from workbench.events import Event, EventLog
from workbench.runs import Run

pytest.importorskip("streamlit")


def source(root: Path, name: str = "crawl") -> Source:
    here = scan(root)
    run = here.get(name)
    assert run is not None
    return Source(open_database(here.directories), run)


def test_figures_are_counts_of_everything(tmp_path: Path) -> None:
    crawl(tmp_path)
    assert overview.figures(source(tmp_path)) == overview.Figures(
        documents_in=7,
        documents=3,
        tokens_in=92,
        tokens=60,
        bytes=120,
        failed=1,
        duplicates=1,
        compared=4,
        extracted=5,
        edits=2,
        contaminated=2,
        looked_at=8,
    )
    assert not overview.has_tokenizer(source(tmp_path))


def test_steps_stand_in_the_order_of_the_profile_and_without_it_too(tmp_path: Path) -> None:
    run = crawl(tmp_path)
    steps = ["read", "extract", "gopher", "lexicon", "duplicates", "contamination"]
    assert [level.step for level in overview.levels(source(tmp_path)).levels] == steps
    (run.path / "settings.json").write_text('{"profile": 5}')
    assert [level.step for level in overview.levels(source(tmp_path)).levels] == [s for s in steps if s != "lexicon"]


def test_the_waterfall_goes_from_all_that_came_in_to_what_is_kept(tmp_path: Path) -> None:
    crawl(tmp_path)
    found = overview.levels(source(tmp_path))
    bars = waterfall(found, "documents").select("step", "kind", "start", "end").rows()
    assert bars == [
        ("input", "in", 0, 7),
        ("read", "failed", 6, 7),
        ("extract", "dropped", 5, 6),
        ("gopher", "dropped", 4, 5),
        ("duplicates", "dropped", 3, 4),
        ("kept", "kept", 0, 3),
    ]
    tokens = waterfall(found, "tokens")
    assert tokens["told"].to_list() == ["92", "−2 (−2.2 %)", "−30 (−33.3 %)", "60 (65.2 %)"]
    assert waterfall(found, "bytes")["told"].to_list()[-1].startswith("120 B")


def test_counts_that_do_not_add_up_are_said(tmp_path: Path) -> None:
    run = crawl(tmp_path)
    path = run.path / "rollups/part-00000.parquet"
    pl.read_parquet(path).with_columns(step=pl.lit(None, pl.String)).write_parquet(path)
    with pytest.raises(UserError, match="the counts of 'crawl'"):
        overview.figures(source(tmp_path))


def test_the_mix_and_its_changes(tmp_path: Path) -> None:
    crawl(tmp_path)
    crawl(tmp_path, "more", kept=4)
    now = mixes.mix(source(tmp_path), "language and host")
    assert now.rows() == [("en", "h0.example", 2, 40, 0), ("en", "h1.example", 1, 20, 0)]
    assert mixes.mix(source(tmp_path), "topic and language").rows() == [("fog", "en", 3, 30, 0)]
    before = mixes.shares(source(tmp_path, "more"), "language and host")
    found = mixes.changes(mixes.shares(source(tmp_path), "language and host"), before)
    points = dict(found.select("inner_name", "points").iter_rows())
    assert points == pytest.approx({"h0.example": 100 * (40 / 60 - 0.4), "h1.example": 100 * (20 / 60 - 0.6)})
    assert mixes.changes(before, before).is_empty()


def test_small_parts_of_the_mix_are_summed_up_and_names_are_no_templates(tmp_path: Path) -> None:
    shared = pl.DataFrame(
        {"o": ["{c}‮", "en"], "i": [None, "<b>{b}"], "d": [1, 2], "t": [10, 20], "r": [7, 0]},
        schema={"o": pl.String, "i": pl.String, "d": pl.Int64, "t": pl.Int64, "r": pl.Int64},
    )
    data = treemap(shared)["series"][0]["data"]
    assert data[0]["name"] == "(c)⟨U+202E⟩" and data[0]["children"][0]["name"] == "7 others"
    assert data[1]["children"][0] == {"name": "<b>(b)", "value": 20}


def test_a_job_is_read_from_the_end_of_its_log(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "live", "train.sft", "x: 1\n", root=tmp_path)
    start = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def said(after: int, done: int) -> Event:
        time = (start + timedelta(seconds=after)).isoformat()
        counts = {"steps": done, "steps_total": 100}
        return Event("progress", "train", f"loss {done}", None, counts, 2.0, done / 100, time)

    with EventLog(tmp_path / "live/events.jsonl") as log:
        for event in (said(0, 10), Event("warning", "train", "a spike"), said(10, 100), said(20, 50)):
            log._append(event.line().encode() + b"\n")
        log._append(b'{"time": "20')
    [job] = jobs.running(scan(tmp_path).runs, start + timedelta(seconds=25))
    run.close()
    assert (job.step, job.done, job.total, job.unit, job.fraction) == ("train", 50, 100, "steps", 0.5)
    assert job.left_s == 20.0 and job.quiet_s == 5.0 and job.said == "train: a spike"


def test_a_hostile_log_says_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "live", "train.sft", "x: 1\n", root=tmp_path)
    lines = [
        {"level": "progress", "step": ["x"], "counts": [1], "rate": "fast", "fraction": 7, "time": 3},
        {"level": "progress", "step": "y", "counts": {"a_total": "b"}, "rate": 1e999, "fraction": None, "time": "?"},
    ]
    (tmp_path / "live/events.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n[]\n{}\n")
    [job] = jobs.running(scan(tmp_path).runs)
    run.close()
    assert job.step == "y" and job.total is None and job.left_s is None and job.rate is None


def test_an_empty_workspace_says_what_to_type_first(tmp_path: Path) -> None:
    app = page("overview", tmp_path)
    assert not app.exception
    assert "curate run --input sample" in told(app) and "dashboard --demo" in told(app)


def test_a_workspace_of_models_alone_is_useful(tmp_path: Path) -> None:
    evaluated(tmp_path, "first-eval", trained(tmp_path, "base"))
    Run.create(tmp_path / "half", "train.sft", "x: 1\n", root=tmp_path).close()
    app = page("overview", tmp_path)
    assert not app.exception
    said = told(app)
    assert "There is no curated run" in said and "0.400 to 0.600, n = 40" in said
    assert "first-eval" in said and "base" in said and "give its command again" in said


def test_the_held_out_loss_is_that_of_all_parts(tmp_path: Path) -> None:
    run = trained(tmp_path, "base")
    parts = [{"part": "fog", "loss": 4.0, "weight": 1.0}, {"part": "", "loss": 3.0, "weight": 3.0}]
    for measured, loss in ((parts, 3.0), ([], None)):
        (run.path / "stage.json").write_text(json.dumps({"steps": 7, "measured": measured}))
        assert overview.trained(source(tmp_path, "base"))["held_out_loss"] == loss


def test_the_whole_page_with_a_compared_run_and_an_alarm(tmp_path: Path) -> None:
    crawl(tmp_path, gates=["too few <b>documents</b>"])
    crawl(tmp_path, "other", kept=4)
    report(tmp_path, "nightly", "2026-11-10T0130Z", "regressed", alarms=1, cadence={"every": "day"})
    live = Run.create(tmp_path / "live", "train.sft", "x: 1\n", root=tmp_path)
    app = page("overview", tmp_path, run="crawl", vs="other", o_unit="documents", o_step="gopher")
    live.close()
    assert not app.exception
    said = told(app)
    assert "Tokens kept" in said and "-40 (-40.0 %)" in said
    assert "A check of &#x27;crawl&#x27; failed: too few &lt;b&gt;documents" in said
    assert "nightly · chat: task 0: acc has fallen" in said and "overdue" in said
    assert "gopher.words_min" in said and "Largest changes" in said
    assert "live" in said
    assert len(app.get("vega_lite_chart")) == 1 and len(app.get("echarts_chart")) == 2


def test_damaged_runs_are_cards(tmp_path: Path) -> None:
    name = "<script>alert(1)</script> [x](y) ‮"
    run = crawl(tmp_path, name.replace("/", "∕"))
    shutil.rmtree(run.path / "rollups")
    newer = crawl(tmp_path, "newer")
    (newer.path / "manifest.json").write_text('{"schema": "workbench.manifest/9"}')
    app = page("overview", tmp_path, run=run.path.name, o_unit="<b>", o_mix="nonsense", o_step="'; DROP")
    assert not app.exception
    said = told(app)
    assert "has no table &#x27;rollups&#x27;" in said and "<script>" not in "".join(
        e.proto.body for e in app.get("html")
    )
    assert "newer" in said and "not a manifest of this version" in said
