"""Parquet and Arrow files, and directories saved by Hugging Face datasets."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.sources import ReadOptions, plan_units, read_unit
from workbench.errors import Exit, UserError


def table(rows: int, **more) -> pa.Table:
    texts = [f"Text {number}." for number in range(rows)]
    urls = [f"http://a.com/{number}" for number in range(rows)]
    return pa.table({"text": pa.array(texts, pa.string()), "url": pa.array(urls, pa.string()), **more})


def test_parquet_row_groups_are_units(archive):
    path = archive.folder / "a.parquet"
    pq.write_table(table(10, other=list(range(10))), path, row_group_size=4)
    units = plan_units([str(path)], unit_bytes=1)
    assert [(unit.begin, unit.end) for unit in units] == [(0, 1), (1, 2), (2, 3)]
    assert [(unit.begin, unit.end) for unit in plan_units([str(path)])] == [(0, 3)]
    pages = [page for unit in units for page in read_unit(unit)]
    assert [(page.row, page.body) for page in pages] == [(number, f"Text {number}.") for number in range(10)]
    assert (pages[3].url, pages[3].host, pages[3].kind, pages[3].file) == (
        "http://a.com/3",
        "a.com",
        "text",
        "a.parquet",
    )


def test_cells_that_are_no_text(archive):
    path = archive.folder / "a.parquet"
    broken = pa.array([b"ok", b"\xff\xfe\xfd", None, b"a\0b"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": broken}), path)
    pages = archive.read(path)
    assert [page.body for page in pages] == ["ok", "\ufffd" * 3, None, "a\ufffdb"]
    assert pages[2].drop == ("read.empty_body", "0")
    pq.write_table(pa.table({"text": [1, 2]}), path)
    assert [page.error for page in archive.read(path)] == ["text is no text but int"] * 2


def test_bytes_in_an_html_column_are_decoded_as_pages_are(archive):
    path = archive.folder / "a.parquet"
    cells = [b'<meta charset="windows-1251">' + "мир".encode("cp1251"), b"\x89PNG\r\n\x1a\n"]
    pq.write_table(pa.table({"html": cells}), path)
    one, two = archive.read(path)
    assert (one.kind, one.charset) == ("html", "windows-1251") and one.body.endswith("мир")
    assert two.drop == ("read.mime", "image/png")


def test_dictionary_and_large_columns(archive):
    path = archive.folder / "a.parquet"
    columns = {
        "text": pa.array(["a", "b", "a"]).dictionary_encode(),
        "url": pa.array(["http://x/"] * 3, pa.large_string()),
    }
    pq.write_table(pa.table(columns), path)
    assert [page.body for page in archive.read(path)] == ["a", "b", "a"]


def test_a_missing_column_names_those_there_are(archive):
    path = archive.folder / "a.parquet"
    pq.write_table(pa.table({"title": ["x"], "body": ["y"]}), path)
    with pytest.raises(UserError, match=r"no column text, content, html or raw_content; it has: title, body") as error:
        plan_units([str(path)])
    assert error.value.code == Exit.INPUT
    with pytest.raises(UserError, match=r"no column txt; it has: title, body"):
        plan_units([str(path)], options=ReadOptions(text_field="txt"))
    [unit] = plan_units([str(path)], options=ReadOptions(text_field="body"))
    assert [page.body for page in read_unit(unit, ReadOptions(text_field="body"))] == ["y"]


def test_a_damaged_table(archive):
    path = archive.folder / "a.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UserError, match=r"cannot read .*a\.parquet") as error:
        plan_units([str(path)])
    assert error.value.code == Exit.INPUT
    pq.write_table(table(5000), path, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[100:2000] = bytes(1900)
    path.write_bytes(data)
    pages = archive.read(path)
    assert pages[-1].error and "cannot be read" in pages[-1].error


def test_a_saved_dataset(archive):
    folder = archive.folder / "dataset" / "train"
    folder.mkdir(parents=True)
    for number in range(2):
        path = folder / f"data-0000{number}-of-00002.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table(0).schema) as writer:
            for batch in table(7).to_batches(max_chunksize=3):
                writer.write_batch(batch)
    (folder / "cache-123.arrow").write_bytes((folder / "data-00000-of-00002.arrow").read_bytes())
    files = [{"filename": f"data-0000{number}-of-00002.arrow"} for number in range(2)]
    (folder / "state.json").write_text(json.dumps({"_data_files": files}, indent=2))
    (folder / "dataset_info.json").write_text(json.dumps({"features": {}}, indent=2))
    (folder.parent / "dataset_dict.json").write_text('{"splits": ["train"]}')
    ignored = {}
    units = plan_units([str(folder.parent)], unit_bytes=1, on_ignored=ignored.__setitem__)
    assert [(unit.file, unit.begin) for unit in units if unit.source == "arrow"] == [
        (f"train/data-0000{number}-of-00002.arrow", begin) for number in range(2) for begin in range(3)
    ]
    pages = [page for unit in units if unit.source == "arrow" for page in read_unit(unit)]
    assert [page.row for page in pages] == [*range(7), *range(7)]
    assert ignored["train/cache-123.arrow"] == "not listed in the dataset's state.json"
    assert {"train/state.json", "train/dataset_info.json"} <= set(ignored)


def test_an_arrow_file_with_random_access(archive):
    path = archive.folder / "a.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table(0).schema) as writer:
        for batch in table(7).to_batches(max_chunksize=3):
            writer.write_batch(batch)
    units = plan_units([str(path)], unit_bytes=1)
    assert [page.row for unit in units for page in read_unit(unit)] == list(range(7))


def test_tables_behind_urls(archive):
    import fsspec

    fs = fsspec.filesystem("memory")
    parquet, arrow = archive.folder / "a.parquet", archive.folder / "b.arrow"
    pq.write_table(table(3), parquet)
    with pa.OSFile(str(arrow), "wb") as sink, pa.ipc.new_stream(sink, table(0).schema) as writer:
        writer.write_table(table(2))
    try:
        for path in (parquet, arrow):
            fs.pipe(f"/tables/{path.name}", path.read_bytes())
        pages = [page for unit in plan_units(["memory://tables"]) for page in read_unit(unit)]
        assert [(page.file, page.row) for page in pages] == [
            ("a.parquet", 0),
            ("a.parquet", 1),
            ("a.parquet", 2),
            ("b.arrow", 0),
            ("b.arrow", 1),
        ]
    finally:
        fs.rm("/tables", recursive=True)
