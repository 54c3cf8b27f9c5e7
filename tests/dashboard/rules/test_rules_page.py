"""The page of rules: what stands on it, what its URL may say, and labels by button."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from dashboard_app import page, texts
from dashboard_rules import DOCUMENTS, RULES, judged, key, profile

from curate.rules import Rule
from workbench.people import People

pytest.importorskip("streamlit")


def preview(app: Any) -> dict[str, str]:
    return {each.label: each.value for each in app.metric}


def wrong(app: Any) -> str:
    """The cards of the page, as one text."""
    return "\n".join(each.proto.body for each in app.get("html") if 'class="line' in each.proto.body)


def test_the_rule_that_drops_most_comes_first_and_a_threshold_moves_exact_numbers(tmp_path: Path) -> None:
    judged(tmp_path)
    app = page("rules", tmp_path)
    assert not app.exception
    assert app.selectbox(key="rule").value == "shape.words"
    assert "4 rules, in the order in which documents meet them" in texts(app)
    assert "1 is off." in texts(app)
    assert preview(app) == {"Newly kept documents": "0", "Newly dropped documents": "0", "Kept then": "2"}
    (number,) = app.number_input
    app = number.set_value(70.0).run()
    assert preview(app) == {"Newly kept documents": "0", "Newly dropped documents": "2", "Kept then": "0"}
    assert app.query_params["thr"] == "70"
    assert app.slider[0].value == app.slider[0].max == 61.0  # the picture ends there, the number goes on
    code = [str(each.value) for each in app.code]
    assert "rules:\n  shape.words: 70" in code
    assert any(f"curate whatif {tmp_path / 'judged'} --set shape.words=70\n" in each for each in code)
    app = next(each for each in app.button if each.label == "Back to the run's own").click().run()
    assert "thr" not in app.query_params
    assert preview(app)["Kept then"] == "2"


def test_the_url_names_the_rule_and_the_threshold(tmp_path: Path) -> None:
    judged(tmp_path)
    app = page("rules", tmp_path, run="judged", rule="shape.script", thr="[latin, cyrillic]")
    assert preview(app) == {"Newly kept documents": "1", "Newly dropped documents": "1", "Kept then": "2"}
    assert [each.value for each in app.text_input if each.label.startswith("Drop where")] == ["latin, cyrillic"]
    assert "  - cyrillic" in texts(app)


@pytest.mark.parametrize("given", ["<b>x</b>", "nan", "[1, 2]", "9" * 3000])
def test_a_threshold_that_cannot_be_is_said_and_the_runs_own_is_shown(tmp_path: Path, given: str) -> None:
    judged(tmp_path)
    app = page("rules", tmp_path, rule="shape.words", thr=given)
    assert not app.exception
    assert "cannot be used" in wrong(app)
    assert "<b>" not in wrong(app)
    assert preview(app)["Kept then"] == "2"


def test_a_rule_that_is_not_there_is_said(tmp_path: Path) -> None:
    judged(tmp_path)
    app = page("rules", tmp_path, rule="<img src=x>")
    assert "no rule &#x27;&lt;img src=x&gt;" in wrong(app)
    assert app.selectbox(key="rule").value == "shape.words"


def test_text_of_others_stays_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>![x](https://evil.example/x.png) :red[x] ‮"
    rule = Rule(**{**dict(RULES[0]), "why": evil, "id": "shape.words"})
    documents = [(each[0], *each[1:8], evil) for each in DOCUMENTS]
    judged(tmp_path, documents=documents, found=profile([rule, *RULES[1:]]), text=evil)
    app = page("rules", tmp_path, thr="70")
    assert not app.exception
    assert all("<script" not in each.proto.body for each in app.get("html"))
    shown = [
        str(each.value) for kind in ("markdown", "caption", "title", "header", "subheader") for each in app.get(kind)
    ]
    assert not any("evil.example" in each for each in shown)
    cells = [str(cell) for each in app.dataframe for cell in each.value.to_numpy().ravel()]
    assert any("<script>" in cell and "⟨U+202E⟩" in cell for cell in cells)  # a table draws text on a canvas
    assert not any("‮" in cell for cell in cells)


def test_a_run_without_measures_says_what_helps(tmp_path: Path) -> None:
    source = judged(tmp_path)
    shutil.rmtree(source.run.path / "measures")
    app = page("rules", tmp_path)
    assert not app.exception
    assert "no measures" in wrong(app)
    assert not app.metric
    assert "only it catches these" in texts(app)


def test_a_measure_that_is_gone_and_a_run_that_is_damaged_are_cards(tmp_path: Path) -> None:
    judged(tmp_path / "a", rename={"text.words": "text.other"})
    app = page("rules", tmp_path / "a")
    assert not app.exception
    assert "no measure &#x27;text.words&#x27;" in wrong(app)
    source = judged(tmp_path / "b")
    (source.run.path / "settings.json").unlink()
    app = page("rules", tmp_path / "b")
    assert not app.exception
    assert "settings.json" in wrong(app)


def test_a_run_that_was_decontaminated_names_its_parent(tmp_path: Path) -> None:
    judged(tmp_path, kind="curate.decontaminate")
    app = page("rules", tmp_path)
    assert not app.exception
    assert "decide there" in wrong(app)
    assert preview(app)["Kept then"] == "2"


def test_labels_by_button_and_what_they_say(tmp_path: Path) -> None:
    judged(tmp_path)
    app = page("rules", tmp_path, rule="shape.words")
    app.session_state["rules-label"] = True
    app.session_state["rater"] = "ann"
    app.run()
    for label in ("Bad", "Good"):  # c and a, which the rule drops: c, the nearest, is bad
        (button,) = [each for each in app.button if each.label == label]
        app = button.click().run()
    assert not app.exception
    with People(tmp_path) as people:
        found = people.labels("judged", "rule:shape.words")
    assert [(each.item, each.rater, each.label) for each in found] == [
        (key("a"), "ann", "good"),
        (key("c"), "ann", "bad"),
    ]
    assert "Document 3 of 4; you have labelled 2 of them." in texts(app)
    (table,) = [each.value for each in app.dataframe if "precision" in each.value.columns]
    assert table["precision"].to_list() == ["50% (9% to 91%, n = 2)"]
    assert table["recall"].to_list() == ["100% (21% to 100%, n = 1)"]
    app.query_params["thr"] = "25"
    app.run()
    (table,) = [each.value for each in app.dataframe if "precision" in each.value.columns]
    assert table["precision"].to_list() == ["50% (9% to 91%, n = 2)", "0% (0% to 79%, n = 1)"]


def test_a_rule_that_is_off_is_switched_on_in_the_middle_of_its_values(tmp_path: Path) -> None:
    judged(tmp_path)
    app = page("rules", tmp_path, rule="shape.other", rlogx="true", rlogy="true")
    assert not app.number_input
    (switch,) = [each for each in app.toggle if each.label == "Switched off"]
    assert switch.value
    app = switch.set_value(False).run()
    assert not app.exception
    assert app.query_params["thr"] == "35"  # the middle of 10 to 60
    assert preview(app) == {"Newly kept documents": "0", "Newly dropped documents": "0", "Kept then": "2"}
    app = app.selectbox(key="rule").select("shape.words").run()
    assert "thr" not in app.query_params  # it was about the rule before


def test_beside_another_run(tmp_path: Path) -> None:
    judged(tmp_path)
    milder = Rule(**{**dict(RULES[0]), "threshold": 5})
    judged(tmp_path, "other", documents=DOCUMENTS[3:5], found=profile([milder, *RULES[1:3]]))
    app = page("rules", tmp_path, run="judged", vs="other")
    assert not app.exception
    listed = app.dataframe[0].value
    assert listed["there"].to_list()[:2] == ["< 5", "> 0.5"]
    assert listed["any_there"].to_list()[0] == 0
