"""The documents page as a visitor sees it, run whole and without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dashboard_app import page, texts
from dashboard_curated import A, B, C, D, E, F, curated
from dashboard_runs import decisions

from workbench.people import Label, People


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("workspace")
    curated(found, "other", documents=None, dropped=None, measures=None)
    curated(found)
    return found


def open_page(root: Path, **query: str) -> Any:
    app = page("documents", root, run="small", **query)
    assert not app.exception
    return app


def press(app: Any, title: str) -> Any:
    button = next(each for each in app.button if each.label == title)
    return button.click().run()


def test_the_list_its_count_and_a_final_text_with_marks(root: Path) -> None:
    said = texts(open_page(root, state="kept", id=A))
    assert "Rows 1 to 2 of 2 documents with 110 tokens (exact)." in said
    assert "✓ kept" in said and "Sentence number 0" in said
    assert 'class="item"' in said and "1 passages cut" in said and "2 in the list above" in said


def test_hostile_text_is_text(root: Path) -> None:
    app = open_page(root, id=E)
    said = "".join(each.proto.body for each in app.get("html") if not each.proto.body.startswith("<style"))
    assert "&lt;script&gt;" in said and "<script" not in said and "<img" not in said
    assert "\u202e" not in texts(app)  # nor in the table, whose cells are no markup


def test_the_journey_marks_the_first_rule_and_the_others(root: Path) -> None:
    said = texts(open_page(root, id=C, view="Journey"))
    assert said.count("✗ dropped here") == 1 and said.count("✗ would fail too") == 1
    assert "not for this language" in said
    assert "--set gopher.words_min=3" in said and "all 2 together" in said


def test_what_failed_and_what_was_never_extracted(root: Path) -> None:
    said = texts(open_page(root, id=D, view="Journey"))
    assert "failed in extract: the parser gave up" in said and "✗ failed here" in said
    said = texts(open_page(root, id=F))
    assert "No text of this document is stored: none was extracted from its record." in said


def test_raw_facts_and_the_command(root: Path) -> None:
    said = texts(open_page(root, id=B, view="raw"))
    assert f"curate explain {root}/small {B}" in said and "crawl.warc.gz" in said


def test_next_previous_and_the_difference_by_their_keys(root: Path) -> None:
    app = open_page(root, id=A, state="dropped")
    assert "Not in the list above." in texts(app)
    app = press(app, "Next")
    assert app.query_params["id"] == B
    app = press(app, "Next")
    assert app.query_params["id"] == C
    app = press(app, "Difference")
    assert "[email: 17 characters]" in texts(app)
    app = press(app, "Previous")
    assert app.query_params["id"] == B and "Nothing was changed" in texts(app)


def test_next_goes_over_the_end_of_a_page(tmp_path: Path) -> None:
    rows = decisions(*({"lang": "en", "host": "a"} for _ in range(60)))
    counts = rows.group_by("step", "rule", "state", "host", "lang").len("documents").with_columns(tokens=600)
    curated(tmp_path, decisions=rows, rollups=counts)
    app = press(open_page(tmp_path, id=f"{49:032x}"), "Next")
    assert app.query_params["id"] == f"{50:032x}"
    assert "Rows 51 to 60 of 60 documents" in texts(app) and "51 of 60 in the list above" in texts(app)
    assert press(app, "Previous").query_params["id"] == f"{49:032x}"


def test_a_label_by_key_needs_a_name_and_is_kept(tmp_path: Path) -> None:
    curated(tmp_path)
    app = open_page(tmp_path, id=A)
    assert next(each for each in app.button if each.label == "Good").disabled
    app.text_input(key="rater").set_value("ann").run()
    app = press(app, "Good")
    assert "good (ann)" in texts(app)
    with People(tmp_path) as people:
        assert people.labels("small", "document") == [Label("small", A, "document", "ann", "good")]


def test_the_same_page_in_two_runs(root: Path) -> None:
    said = texts(open_page(root, vs="other", id=A, view="Other run"))
    assert "small: ✓ kept" in said and "other: ✓ kept" in said and "stored none of this page" in said


def test_searching_without_an_index_gives_the_command(root: Path) -> None:
    said = texts(open_page(root, q="tides"))
    assert f"curate index-text {root}/small" in said and "of 6 documents" in said


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"id": "nothing<b>"}, "has no document"),
        ({"state": "gone"}, "the filter is off"),
        ({"rule": "x' OR 1=1", "page": "999"}, "the filter is off"),
        ({"view": "nonsense", "id": A}, "Sentence number 0"),
    ],
    ids=["id", "state", "rule", "view"],
)
def test_values_of_a_url_that_mean_nothing_are_told(root: Path, query: dict[str, str], told: str) -> None:
    assert told in texts(open_page(root, **query))


def test_damaged_runs_give_cards(tmp_path: Path) -> None:
    run = curated(tmp_path)
    (run.path / "documents" / "part-00000.parquet").write_bytes(b"PAR1 torn")
    said = texts(open_page(tmp_path, id=A))
    assert "cannot be read" in said and "curate verify" in said and "✓ kept" in said
    (run.path / "decisions" / "part-00000.parquet").unlink()
    assert "has no table &#x27;decisions&#x27;" in texts(open_page(tmp_path, id=A, state="kept"))


def test_another_filter_begins_at_a_page_that_is_there(tmp_path: Path) -> None:
    rows = decisions(*({"lang": "en" if number < 60 else "fr"} for number in range(160)))
    counts = rows.group_by("step", "rule", "state", "host", "lang").len("documents").with_columns(tokens=600)
    curated(tmp_path, decisions=rows, rollups=counts)
    app = open_page(tmp_path, page="4")
    assert "Rows 151 to 160 of 160 documents" in texts(app)
    app.selectbox(key="lang").set_value("en").run()
    assert not app.exception and " of 60 documents" in texts(app)
