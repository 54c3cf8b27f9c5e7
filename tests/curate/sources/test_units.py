"""However an archive is cut into units, the same records come out once each."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources import plan_units, read_unit

PLANTS = [
    b"\x1f\x8b\x08",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"WARC/1.0\r\n",
    b"\r\n\r\nWARC/1.1\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
]
bodies = st.lists(st.one_of(st.binary(min_size=1, max_size=60), st.sampled_from(PLANTS)), min_size=1, max_size=6).map(
    lambda parts: b"<p>" + b"".join(parts)
)


def whole_and_split(path, unit_bytes):
    """(id, row, body) of every record: read as one unit, and unit by unit; and the bytes each way accounts for."""
    whole, split, bytes_in = [], [], []
    for found, size in ((whole, 1 << 40), (split, unit_bytes)):
        total = 0
        for unit in plan_units([str(path)], unit_bytes=size):
            reader = read_unit(unit)
            found += [(page.id, page.row, page.body, page.drop, page.error) for page in reader]
            total += reader.counts.bytes_in
        bytes_in.append(total)
    return whole, split, bytes_in


@settings(max_examples=120, deadline=None)
@given(
    pages=st.lists(bodies, min_size=1, max_size=12),
    codec=st.sampled_from(["gzip", "stored", "zstd", "lz4", "plain"]),
    unit_bytes=st.integers(1, 3000),
)
def test_every_split_gives_the_same_records(archives, pages, codec, unit_bytes):
    with TemporaryDirectory() as folder:
        archive = archives(Path(folder))
        path = archive.write([archive.page(body, number) for number, body in enumerate(pages)], codec)
        whole, split, bytes_in = whole_and_split(path, unit_bytes)
        assert len(whole) == len(pages)
        assert split == whole
        assert bytes_in == [path.stat().st_size] * 2


@settings(max_examples=150, deadline=None)
@given(
    pages=st.lists(bodies, min_size=2, max_size=8),
    codec=st.sampled_from(["gzip", "zstd", "lz4", "plain"]),
    unit_bytes=st.integers(1, 2000),
    data=st.data(),
)
def test_damage_costs_no_other_record_and_is_seen_once_by_every_split(archives, pages, codec, unit_bytes, data):
    with TemporaryDirectory() as folder:
        archive = archives(Path(folder))
        parts = [archives.compress[codec](archive.page(body, number)) for number, body in enumerate(pages)]
        hurt = data.draw(st.integers(0, len(parts) - 1))
        at = data.draw(st.integers(0, len(parts[hurt]) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "zero", "insert"]))
        good = parts[hurt]
        if how == "flip":
            parts[hurt] = good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :]
        elif how == "cut":
            parts[hurt] = good[:at]
        elif how == "zero":
            parts[hurt] = good[:at] + bytes(len(good) - at)
        else:
            parts[hurt] = b"some bytes that are no archive" + good
        path = Path(folder) / ("a.warc" + archives.suffix[codec])
        path.write_bytes(b"".join(parts))
        whole, split, _ = whole_and_split(path, unit_bytes)
        assert split == whole
        starts = [sum(map(len, parts[:number])) for number in range(len(parts))]
        intact = {start for number, start in enumerate(starts) if number != hurt}
        assert intact <= {row for _, row, body, drop, error in whole if error is None}
        assert sum(error is not None for *_, error in whole) <= 1


@pytest.mark.parametrize("codec", ["stored", "plain"])
@pytest.mark.parametrize("unit_bytes", [20_000, 33_333, 50_000, 77_777, 100_000])
def test_an_archive_inside_a_page_stays_a_part_of_that_page(archive, codec, unit_bytes):
    noise = random.Random(7)
    inner = [archive.page(b"<p>inner", 1000 + number) for number in range(4)]
    served = b"".join(gzip.compress(page, mtime=0) for page in inner) if codec == "stored" else b"".join(inner)
    pages = [
        archive.record(archive.http(served if number % 3 == 1 else b"<p>" + noise.randbytes(2000)), number)
        for number in range(120)
    ]
    path = archive.write(pages, codec)
    whole, split, _ = whole_and_split(path, unit_bytes)
    assert len(whole) == 120
    assert split == whole


def test_a_file_of_one_member_is_one_stream_with_offsets_of_its_own(archive):
    pages = [archive.page(b"<p>%d" % number, number) for number in range(5)]
    path = archive.write([b"".join(pages)])
    assert [page.row for page in archive.read(path)] == [sum(map(len, pages[:number])) for number in range(5)]
    whole, split, _ = whole_and_split(path, 50)
    assert split == whole


def test_a_file_compressed_in_arbitrary_pieces_is_read_through_them(archive):
    pages = [archive.page(b"<p>%d" % number * 50, number) for number in range(9)]
    data = b"".join(pages)
    path = archive.write([data[at : at + 333] for at in range(0, len(data), 333)])
    assert [page.body for page in archive.read(path)] == [f"<p>{number}" * 50 for number in range(9)]


def test_units_do_not_depend_on_where_the_input_root_is(archive, tmp_path):
    path = archive.write([archive.page(b"<p>a")])
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / path.name).write_bytes(path.read_bytes())
    first, second = plan_units([str(path)])[0], plan_units([str(moved / path.name)])[0]
    assert first.path != second.path
    assert first.fingerprint() == second.fingerprint()
    assert type(first).from_json(first.to_json()) == first


def test_a_header_that_reaches_over_a_true_member_is_no_start(archives, tmp_path):
    """The stored page ends in a gzip header whose extra field ends where the data of the next member begin."""
    beyond = len(b"\r\n\r\n") + 8 + 10  # the record's end, checksum and size of its member, the next one's header
    planted = b"\x1f\x8b\x08\x04" + bytes(6) + beyond.to_bytes(2, "little")
    archive = archives(tmp_path)
    path = archive.write([archive.page(b"<p>one" + planted, 1), archive.page(b"<p>two", 2)], "stored")
    whole, split, bytes_in = whole_and_split(path, 1)
    assert len(whole) == 2
    assert split == whole
    assert bytes_in == [path.stat().st_size] * 2
