"""The page of evaluations as a visitor sees it: numbers with intervals, links that reopen it, hostile texts as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dashboard_app import page, texts
from dashboard_evals import HOSTILE, write_eval

pytest.importorskip("streamlit")


def tables(app: Any) -> str:
    """Every table of the page as CSV."""
    return "\n".join(each.value.to_csv(index=False) for each in app.dataframe)


def markup(app: Any) -> str:
    """What is HTML on the page; tables are drawn as text by their own means."""
    return "\n".join(str(each.proto.body) for each in app.get("html"))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    write_eval(tmp_path, "one", {"sums": [1, 1, 0, 0, 0, None], "sums@letters": [0] * 6}, HOSTILE)
    write_eval(tmp_path, "two", {"sums": [1, 0, 1, 1, 0, 1], "sums@letters": [1] * 6}, HOSTILE)
    return tmp_path


def test_an_empty_workspace_names_the_command(tmp_path: Path) -> None:
    assert "evalkit run" in texts(page("evals", tmp_path))
    write_eval(tmp_path, "one", {"sums": [1, 0]})
    assert "needs two evaluations" in texts(page("evals", tmp_path, etab="Compare"))


def test_scores_stand_with_intervals_and_the_command_for_what_is_not_known(two: Path) -> None:
    app = page("evals", two)
    assert not app.exception
    assert "40.0 % [" in tables(app) and "⟨U+202E⟩" in tables(app) and "\u202e" not in tables(app)
    assert "it is not known which items" in texts(app) and "<script>" not in markup(app)
    app.session_state["evals-unknown"] = True  # opened
    assert "evalkit contamination known two" in texts(app.run())
    chosen = page("evals", two, task="nonsense", metric="brier")
    assert "There is no task &#x27;nonsense&#x27; here" in texts(chosen) and "0.6 [" in tables(chosen)


def test_a_run_may_be_called_as_a_column_is(tmp_path: Path) -> None:
    for name in ("task", "metric", "run"):
        write_eval(tmp_path, name, {"sums": [1, 0]})
    app = page("evals", tmp_path)
    assert not app.exception and app.dataframe[0].value.columns.to_list() == [
        "task",
        "metric",
        "run",
        "metric′",
        "task′",
    ]


def test_a_link_opens_the_comparison_and_its_item(two: Path) -> None:
    app = page("evals", two, a="one", b="two", task="sums", flip="lost", item="item1")
    assert not app.exception
    said = texts(app)
    assert "sums, acc: no evidence of difference." in said and "B better by 100.0%" in tables(app)
    assert "Question 1? &lt;script&gt;" in said and "⟨U+202E⟩" in said and "<script>" not in markup(app)
    assert "(A right, B wrong)" in said and "item1" in tables(app)
    missing = page("evals", two, a="one", b="two", item="nothing", flip="odd")
    assert "has no item &#x27;nothing&#x27;" in texts(missing) and not missing.exception
    assert "no such evaluation" in texts(page("evals", two, a="../../etc", b="two"))


def test_an_item_of_another_task_begins_at_its_first_part(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import texts as module

    monkeypatch.setattr(module, "PART", 10)
    keys = []
    for preset in ("sums", "sums@letters"):
        app = page("evals", two, a="one", b="two", task=preset, flip="lost", item="item1")
        keys.append({each.key for each in app.get("pagination")})
    assert keys[0] and keys[1] and not keys[0] & keys[1]


def test_outputs_stand_beside_each_other_and_nothing_in_them_runs(tmp_path: Path) -> None:
    write_eval(tmp_path, "one", {"writing": [1, 0]})
    write_eval(tmp_path, "two", {"writing": [0, 0]})
    app = page("evals", tmp_path, a="one", b="two", flip="lost", item="item0")
    assert not app.exception
    said = markup(app)
    assert "<script>" not in said and 'class="aligned"' in said
    assert "A: taken for the answer: &#x27;1&#x27;; ended by: stop" in said
    assert "B: taken for the answer: &#x27;0&#x27;; ended by: stop" in said


def test_a_failed_item_says_why(two: Path) -> None:
    said = texts(page("evals", two, a="one", b="two", task="sums", flip="failed", item="item5"))
    assert "A: failed: &lt;script&gt;" in said and "B: scored" in said


def test_presets_show_their_spread(two: Path) -> None:
    app = page("evals", two, etab="Presets")
    assert not app.exception
    high, low = app.dataframe[0].value.to_dict("records")
    assert (high["run"], high["lowest"]) == ("two", "default: 66.7 % [30.0, 90.3]")
    assert high["points"] == pytest.approx(100 / 3) and low["points"] == 40
    assert low["highest"] == "default: 40.0 % [11.8, 76.9]"


def test_other_checks_name_their_commands(two: Path) -> None:
    app = page("evals", two, etab="Other checks")
    assert not app.exception
    assert "evalkit perplexity" in texts(app) and "evalkit contamination known RUN" in texts(app)
