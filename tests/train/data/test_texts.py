"""Datasets by any name: what is read, in which order, and what is said of what cannot be read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from small_runs import doc_id, document, small_run

from train.data import blocks
from train.data.blocks import Fields
from train.data.texts import Documents, read_documents
from workbench.errors import Exit, UserError

ROWS: list[dict[str, Any]] = [
    {"id": "a", "text": "first", "lang": "en", "domain": "x", "source": "s", "url": "https://h.example/1"},
    {"id": "b", "text": None, "lang": "en"},
    {"id": "c", "text": "", "lang": None},
    {"id": "d", "text": "Größe\nund 大きさ", "lang": "de"},
]


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(path: Path) -> Path:
    pl.DataFrame(ROWS).write_parquet(path / "data.parquet")
    return path / "data.parquet"


def as_jsonl(path: Path) -> Path:
    (path / "data.jsonl").write_bytes(lines(ROWS))
    return path / "data.jsonl"


def as_gzip(path: Path) -> Path:
    (path / "data.jsonl.gz").write_bytes(gzip.compress(lines(ROWS[:1])) + gzip.compress(lines(ROWS[1:])))
    return path / "data.jsonl.gz"


def as_zstd(path: Path) -> Path:
    packed = [zstandard.compress(lines(rows)) for rows in (ROWS[:2], ROWS[2:])]
    (path / "data.jsonl.zst").write_bytes(b"".join(packed))
    return path / "data.jsonl.zst"


def read(path: Path, **options: Any) -> Documents:
    return read_documents(str(path), path.parent, **options)


def refused(path: Path, **options: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        list(read(path, **options))
    assert caught.value.code == Exit.INPUT and caught.value.hint
    return caught.value


@pytest.mark.parametrize("write", [as_parquet, as_jsonl, as_gzip, as_zstd])
def test_rows_of_every_format(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    found = list(read(write(tmp_path)))
    assert [(one.id, one.text, one.lang) for one in found] == [
        ("a", "first", "en"),
        ("b", None, "en"),
        ("c", None, None),
        ("d", "Größe\nund 大きさ", "de"),
    ]
    assert (found[0].domain, found[0].source, found[0].url) == ("x", "s", "https://h.example/1")
    assert found[3].source == found[3].place.partition(":")[0]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_blocks_of_any_size_give_the_same_rows_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    rows = [{"id": str(number), "text": f"text {number}\n" * (number % 5)} for number in range(100)]
    (tmp_path / "x.jsonl").write_bytes(lines(rows).replace(b"\n", b"\r\n", 30).rstrip(b"\n"))
    pl.DataFrame(rows).write_parquet(tmp_path / "x.parquet", row_group_size=40)
    for name in ("x.jsonl", "x.parquet"):
        expected = list(read(tmp_path / name))
        with monkeypatch.context() as patch:
            patch.setattr(blocks, "BLOCK_BYTES", size)
            cut = read(tmp_path / name)
            assert list(cut) == expected and len(cut.blocks) > 1
        assert [one.id for one in expected] == [row["id"] for row in rows]


def test_rows_without_an_id_get_one_of_their_place(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines([{"text": "a"}, {"text": "a"}]))
    first, second = read(path)
    assert first.id != second.id and len(first.id) == 32
    assert [one.id for one in read(path)] == [first.id, second.id]


def test_a_text_file_is_cut_at_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    text = "\ufeff" + "".join(f"Paragraph {number}. {'word ' * 100}\n\n" for number in range(100)) + "End"
    path.write_text(text, encoding="utf-8")
    found = list(read(path))
    assert "".join(one.text or "" for one in found) == text[1:]
    assert all(4_000 <= len(one.text or "") < 5_000 and (one.text or "").endswith("\n\n") for one in found[:-1])
    (alone,) = read(path, whole=True)
    assert alone.text == text[1:]


def test_a_folder_of_texts_is_a_document_a_file(tmp_path: Path) -> None:
    top = tmp_path / "texts"
    (top / "sub").mkdir(parents=True)
    (top / "b.txt").write_text("one\n\n" * 5_000)
    (top / "sub" / "a.py").write_text("x = 1\n")
    (top / "picture.png").write_bytes(b"\x89PNG")
    found = read(top)
    assert [one.source for one in found] == ["b.txt", "sub/a.py"]
    assert found.skipped == ["picture.png"]


def test_a_folder_of_data_leaves_its_readme_alone(tmp_path: Path) -> None:
    top = tmp_path / "data"
    top.mkdir()
    as_jsonl(top)
    as_parquet(top)
    (top / "README.md").write_text("About.")
    found = read(top)
    assert [one.id for one in found] == ["a", "b", "c", "d"] * 2 and found.skipped == ["README.md"]


def test_a_curate_run_is_its_documents(tmp_path: Path) -> None:
    kept = [document("one", "Text one", lang="en"), document("two", "Text two", lang="de")]
    measures = pl.DataFrame({"id": [doc_id("two"), doc_id("gone")], "domain.topic": ["science", "sports"]})
    path = small_run(tmp_path / "run", kept, measures=measures)
    found = read_documents("run", tmp_path / "workspace")
    assert [(one.id, one.text, one.lang, one.domain) for one in found] == [
        (doc_id("one"), "Text one", "en", None),
        (doc_id("two"), "Text two", "de", "science"),
    ]
    assert [run.path for run in found.parents] == [path.resolve()]


def test_fields_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines([{"body": "a", "language": "en", "key": 7, "content": "b"}]))
    (found,) = read(path, fields=Fields(text="body", id="key"))
    assert (found.text, found.lang, found.id) == ("a", "en", "7")
    (found,) = read(path)
    assert found.text == "b"


def test_a_table_without_text_names_the_flag(tmp_path: Path) -> None:
    pl.DataFrame({"words": ["a"], "id": ["b"]}).write_parquet(tmp_path / "x.parquet")
    error = refused(tmp_path / "x.parquet")
    assert "no text column" in str(error) and "--text-field" in error.hint and error.file == "x.parquet"
    error = refused(tmp_path / "x.parquet", fields=Fields(text="word"))
    assert "words" in error.hint
    pl.DataFrame({"text": [1]}).write_parquet(tmp_path / "y.parquet")
    assert "int64" in str(refused(tmp_path / "y.parquet"))
    (tmp_path / "z.jsonl").write_bytes(lines([{"body": "a"}]))
    assert "--text-field" in refused(tmp_path / "z.jsonl").hint


def test_what_cannot_be_read_is_named_by_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(ROWS) + b'{"text": "a"\n')
    assert (refused(path).file, refused(path).line) == ("x.jsonl", 5)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 20)
    assert refused(path).line == 5
    path.write_bytes(lines(ROWS) + b'{"text": ' + b"[" * 200_000 + b"\n")
    assert (refused(path).file, refused(path).line) == ("x.jsonl", 5)
    path.write_bytes(b'["text"]\n')
    assert "no JSON object" in str(refused(path))
    path.write_bytes(b'{"text": 5}\n')
    assert "int" in str(refused(path))
    text = tmp_path / "x.txt"
    text.write_bytes(b"one\ntwo \xff\n")
    assert (refused(text).file, refused(text).line) == ("x.txt", 2)


def test_damaged_files_are_input_errors(tmp_path: Path) -> None:
    whole = as_gzip(tmp_path).read_bytes()
    (tmp_path / "data.jsonl.gz").write_bytes(whole[: len(whole) - 12])
    refused(tmp_path / "data.jsonl.gz")
    whole = as_zstd(tmp_path).read_bytes()
    (tmp_path / "data.jsonl.zst").write_bytes(b"\x00" + whole[1:])
    refused(tmp_path / "data.jsonl.zst")
    whole = as_parquet(tmp_path).read_bytes()
    (tmp_path / "data.parquet").write_bytes(whole[: len(whole) // 2])
    assert refused(tmp_path / "data.parquet").file == "data.parquet"


def test_a_cut_off_zstd_file_is_an_input_error(tmp_path: Path) -> None:
    rows = [{"text": f"{number * 7919 % 10007}" * 30} for number in range(2_000)]
    whole = zstandard.compress(lines(rows))
    (tmp_path / "x.jsonl.zst").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "x.jsonl.zst")


def test_lone_surrogates_become_replacement_characters(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text": "a\\ud800b"}\n{"text": "\\ud83d\\ude00"}\n')
    assert [one.text for one in read(path)] == ["a\ufffdb", "😀"]


@pytest.mark.parametrize("name", ["nowhere", "nowhere.jsonl", "picture.png", "empty"])
def test_no_dataset_is_an_input_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "picture.png").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        read_documents(str(tmp_path / name), tmp_path)
    assert caught.value.code == Exit.INPUT and caught.value.hint


def test_a_run_whose_files_changed_is_an_input_error(tmp_path: Path) -> None:
    path = small_run(tmp_path / "run", [document("one", "Text one")])
    shard = path / "documents" / "part-00000.parquet"
    data = shard.read_bytes()
    shard.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])  # the same size
    with pytest.raises(UserError) as caught:
        read_documents(str(path), tmp_path).check()
    assert caught.value.code == Exit.INPUT and "has changed" in str(caught.value)
    shard.write_bytes(data + b"x")
    with pytest.raises(UserError) as caught:
        read_documents(str(path), tmp_path)
    assert caught.value.code == Exit.INPUT and "has changed" in str(caught.value)


def test_an_unfinished_run_is_an_input_error(tmp_path: Path) -> None:
    path = small_run(tmp_path / "run", [document("one", "Text one")])
    (path / "started.json").write_bytes((path / "manifest.json").read_bytes())
    (path / "manifest.json").unlink()
    with pytest.raises(UserError) as caught:
        read_documents(str(path), tmp_path)
    assert caught.value.code == Exit.INPUT


def test_the_digest_names_what_is_read(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path)
    first = read(path).digest
    assert read(path).digest == first != read(path, fields=Fields(lang="source")).digest
    path.write_bytes(lines(ROWS[:1]))
    assert read(path).digest != first


def test_a_row_may_lack_the_text_and_a_column_called_copy_means_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": "a"}, {"id": "b", "text": "x", "copy": 3}, {"id": "c"}, {"id": "d", "content": "y"}]
    path = tmp_path / "x.jsonl"
    path.write_bytes(lines(rows))
    for size in (1, 1000):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
        assert [(one.id, one.text, one.copy) for one in read(path)] == [
            ("a", None, 0),
            ("b", "x", 0),
            ("c", None, 0),
            ("d", "y", 0),
        ]
