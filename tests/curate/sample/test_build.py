"""The WARC file: its bytes, its records, and the truth about them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from curate.sample.build import truth, write_warc
from curate.sample.crawl import benchmark
from curate.sample.warc import record_key
from curate.sources.record import record_id

PAGES = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion | WarcRecordType.revisit


@pytest.fixture(scope="module")
def warc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "sample.warc.gz"
    write_warc(path)
    return path


def test_the_same_seed_gives_the_same_bytes(warc: Path, tmp_path: Path) -> None:
    from curate.sample import build

    build._built.cache_clear()
    again = tmp_path / "sample.warc.gz"
    assert write_warc(again) == truth()
    assert again.read_bytes() == warc.read_bytes()


def test_another_seed_gives_other_values_and_ids(warc: Path, tmp_path: Path) -> None:
    other = write_warc(tmp_path / "other.warc.gz", seed=1)
    assert {known.id for known in other}.isdisjoint(known.id for known in truth())
    assert sorted(known.key for known in other) == sorted(known.key for known in truth())
    assert {known.file for known in other} == {"other.warc.gz"}


def test_fastwarc_reads_every_record_at_its_place(warc: Path) -> None:
    with warc.open("rb") as stream:
        found = {
            record.stream_pos: record_id(record.record_id.strip("<>"))
            for record in ArchiveIterator(stream, record_types=PAGES, parse_http=False)
        }
    assert found == {known.row: known.id for known in truth()}


def test_digests_of_all_records_are_right(warc: Path) -> None:
    with warc.open("rb") as stream:
        records = [
            (record.headers["WARC-Type"], record.verify_block_digest())
            for record in ArchiveIterator(stream, record_types=WarcRecordType.any_type, parse_http=False)
        ]
    assert all(right for _, right in records)
    types = Counter(kind for kind, _ in records)
    assert types["warcinfo"] == 1
    assert types["request"] >= 20
    assert types["metadata"] >= 20
    assert 150 <= sum(types.values()) <= 300


def test_ids_are_unique_except_for_the_planted_repeats() -> None:
    counts = Counter(known.id for known in truth())
    repeats = [known for known in truth() if known.variant == "repeat"]
    assert {identity for identity, count in counts.items() if count > 1} == {known.id for known in repeats}
    assert {known.id for known in repeats} == {record_id(record_key(0, name)) for name in ("ferry", "rebase")}
    rows = {known.id: known.row for known in truth() if known.variant == "original"}
    assert all(known.row > rows[known.id] for known in repeats)


def test_every_state_variant_and_oddity_occurs() -> None:
    assert {known.state for known in truth()} == {"kept", "dropped", "failed", "any"}
    assert {known.variant for known in truth()} == {"original", "copy", "near", "truncated", "odd", "repeat"}
    kinds = {known.kind for known in truth()}
    assert kinds >= {"redirect", "error", "empty", "media", "lying", "damaged", "bomb", "wordless", "revisit"}


def test_the_truth_is_json() -> None:
    for known in truth():
        assert json.loads(json.dumps(known.to_json()))["id"] == asdict(known)["id"]


def test_leaked_questions_stand_word_for_word_in_their_pages() -> None:
    leaks = {name: known for known in truth() for name in known.benchmark}
    assert set(leaks) < set(benchmark()), "some questions must not leak, or nothing could be told apart"
    for name, known in leaks.items():
        assert benchmark()[name]["question"] in "\n".join(known.text)


def test_the_file_is_small(warc: Path) -> None:
    assert warc.stat().st_size < 1 << 20
