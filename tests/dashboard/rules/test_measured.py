"""The measured documents as they are held: in the order of the measures, matched to what was decided."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from dashboard_rules import DOCUMENTS, RULES, judged, key, profile

from dashboard.queries import measured
from workbench.errors import UserError


def test_documents_in_the_order_of_the_measures(tmp_path: Path) -> None:
    found = measured.documents(judged(tmp_path))
    rows = found.rows
    assert rows["tokens"].to_list() == [row[7] for row in DOCUMENTS]
    assert found.hosts.gather(rows["host"]).to_list() == [row[8] for row in DOCUMENTS]
    assert found.langs.gather(rows["lang"]).to_list() == [row[4] for row in DOCUMENTS]
    assert found.sets["fails"].gather(rows["set"]).to_list() == [row[6] for row in DOCUMENTS]
    assert found.sets["kept"].gather(rows["set"]).to_list() == [row[5] == "kept" for row in DOCUMENTS]
    assert rows["place"].to_list() == [1, 2, 3, 4, 5, 6, 7, 8]  # before them a page that has no measures
    assert found.starts == [0, 5]


def test_examples_by_their_places(tmp_path: Path) -> None:
    source = judged(tmp_path)
    starts = tuple(measured.documents(source).starts)
    found = measured.examples(source, starts=starts, places=(7, 1, 5))
    assert found["id"].to_list() == [key("g"), key("a"), key("e")]
    assert found["snippet"].to_list() == ["g begins", "a begins", "e begins"]
    assert measured.examples(source, starts=starts, places=()).height == 0


def test_rows_of_ids(tmp_path: Path) -> None:
    source = judged(tmp_path)
    found = measured.rows_of(source, ids=(key("h"), key("a"), key("unread"), "x'; --"))
    assert found.rows() == [(key("a"), 0), (key("h"), 7)]


def test_text_of_one_document(tmp_path: Path) -> None:
    source = judged(tmp_path, text="0123456789")
    assert measured.text(source, id=key("a"), kept=False, most=4) == "0123"
    assert measured.text(source, id="nobody", kept=True, most=4) is None


def test_values_and_whom_the_rule_looks_at(tmp_path: Path) -> None:
    source = judged(tmp_path)
    upper = measured.values(source, column="text.upper_share", rule=RULES[1])
    assert upper.numeric
    assert upper.rows["value"].to_list() == [row[2] for row in DOCUMENTS]
    assert upper.rows["applies"].to_list() == [row[4] in ("en", None) for row in DOCUMENTS]
    script = measured.values(source, column="script.main", rule=RULES[2])
    assert not script.numeric
    assert script.rows["applies"].all()


@pytest.mark.parametrize("name", ['my."quoted"', "my.{x}", "my.a b;--", "text.words@edited"])
def test_a_measure_of_any_name(tmp_path: Path, name: str) -> None:
    source = judged(tmp_path, rename={"text.words": name})
    assert measured.values(source, column=name, rule=RULES[0]).rows["value"].to_list() == [row[1] for row in DOCUMENTS]


def test_a_measure_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no measure 'text\.nothing'"):
        measured.values(judged(tmp_path), column="text.nothing", rule=RULES[0])


def test_tables_about_other_documents_are_said(tmp_path: Path) -> None:
    source = judged(tmp_path)
    file = source.run.path / "measures" / "part-00000.parquet"
    rows = pl.read_parquet(file)
    for damaged in (rows.with_columns(id=pl.lit("stranger")), pl.concat([rows, rows.head(1)])):
        damaged.write_parquet(file)
        with pytest.raises(UserError, match="not about the same documents"):
            measured.documents(source)


def test_a_run_of_no_documents(tmp_path: Path) -> None:
    source = judged(tmp_path, documents=())
    assert measured.documents(source).rows.height == 0


def test_too_many_documents_are_left_to_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "MOST", 7)
    with pytest.raises(UserError, match="8 measured documents") as caught:
        measured.documents(judged(tmp_path, found=profile()))
    assert "curate whatif" in (caught.value.hint or "")
