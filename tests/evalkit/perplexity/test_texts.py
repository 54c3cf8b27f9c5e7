"""Texts from whatever holds them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from small_runs import document, small_run
from small_tokenizers import small_tokenizer

from evalkit.perplexity.texts import open_texts
from train.data.prepare import Options, ensure
from workbench.errors import Exit, UserError

POEM = "First line.\nSecond line.\n\n \nThird, after a break.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def poem(tmp_path: Path) -> str:
    path = tmp_path / "poem.txt"
    path.write_text(POEM)
    return str(path)


def test_a_text_file_is_one_text(poem: str, root: Path) -> None:
    (text,) = open_texts(poem, root)
    assert (text.text, text.place) == (POEM, "poem.txt:0")


def test_paragraphs_and_lines_are_pieces_that_are_not_blank(poem: str, root: Path) -> None:
    paragraphs = list(open_texts(poem, root, split="paragraphs"))
    assert [text.text for text in paragraphs] == ["First line.\nSecond line.", "Third, after a break.\n"]
    lines = list(open_texts(poem, root, split="lines"))
    assert [text.text for text in lines] == ["First line.", "Second line.", "Third, after a break."]
    assert [text.place for text in lines] == ["poem.txt:0+0", "poem.txt:0+12", "poem.txt:0+28"]
    assert all(POEM[int(text.place.split("+")[1]) :].startswith(text.text or "") for text in lines)
    assert len({text.id for text in lines}) == 3


def test_rows_of_json_lines_and_parquet(tmp_path: Path, root: Path) -> None:
    rows = [{"id": "a", "text": "One.", "domain": "news"}, {"id": "b", "text": None, "domain": "law"}]
    folder = tmp_path / "rows"
    folder.mkdir()
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0)
    (folder / "one.jsonl.gz").write_bytes(packed)
    pl.DataFrame(rows).with_columns(id=pl.col("id") + "2").write_parquet(folder / "two.parquet")
    found = list(open_texts(str(folder), root))
    assert [(text.id, text.text, text.group) for text in found] == [
        ("a", "One.", "news"),
        ("b", None, "law"),
        ("a2", "One.", "news"),
        ("b2", None, "law"),
    ]
    by_file = open_texts(str(folder), root, by="source")
    assert {text.group for text in by_file} == {"one.jsonl.gz", "two.parquet"}


def test_the_documents_of_a_run(tmp_path: Path, root: Path) -> None:
    run = small_run(tmp_path / "run", [document("a", "Kept text.", lang="en"), document("b", "Mehr Text.", lang="de")])
    texts = open_texts(str(run), root, by="lang")
    assert [(text.text, text.group) for text in texts] == [("Kept text.", "en"), ("Mehr Text.", "de")]
    assert [parent.path for parent in texts.parents] == [run]
    assert not texts.held_out


def test_what_token_shards_hold_out_is_text_again(tmp_path: Path, root: Path) -> None:
    rows = [{"id": f"{n}", "text": f"Row {n} has an odd sign: ☃\n and ends.", "domain": "xy"[n % 2]} for n in range(60)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shards = ensure(str(tmp_path / "rows.jsonl"), small_tokenizer(), root, Options(held_out=0.2))
    texts = open_texts(str(shards.run.path), root)
    found = {(text.id, text.text, text.group) for text in texts}
    assert 0 < len(found) < 60 and texts.held_out
    assert found < {(row["id"], row["text"], row["domain"]) for row in rows}


def test_some_are_drawn_by_their_ids(tmp_path: Path, root: Path) -> None:
    rows = [{"id": f"{n}", "text": f"Row {n}."} for n in range(50)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    drawn = []
    for seed in (1, 1, 2):
        texts = open_texts(str(tmp_path / "rows.jsonl"), root)
        texts.draw(10, seed)
        drawn.append([text.id for text in texts])
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 10 and drawn[0] == sorted(drawn[0], key=int)


def test_how_texts_are_cut_is_part_of_what_they_are(poem: str, root: Path) -> None:
    assert open_texts(poem, root).digest != open_texts(poem, root, split="lines").digest


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"split": "sentences"}, Exit.USAGE, "not split into 'sentences'"),
        ({"by": "host"}, Exit.USAGE, "not grouped by 'host'"),
    ],
)
def test_what_there_is_not(poem: str, root: Path, options: dict[str, str], code: Exit, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        open_texts(poem, root, **options)
    assert caught.value.code == code


def test_no_such_data(root: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_texts("nowhere", root)
    assert caught.value.code == Exit.INPUT
