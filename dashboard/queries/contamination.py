"""What the overlap page asks of the benchmark items that were found in a run."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from curate.ask.finished import FinishedRun
from curate.contamination.items import Item, read_items
from curate.sources.rows import TABLES
from dashboard.kept import Kept
from dashboard.queries import documents
from dashboard.source import Source
from workbench.errors import Exit, UserError

if TYPE_CHECKING:
    import polars as pl

MOST_BYTES = 64 << 20
_files = Kept(4 << 20)  # of files of items: their digests, and the items that were looked at; never a file
_COLUMNS = (
    "suite, item, words, contaminated, documents, best_score, answer_documents, answer_best_score, common, covered"
)


def suites(source: Source) -> pl.DataFrame:
    """Per suite: items, testable, contaminated, share, common (items whose n-grams many documents hold); exact."""
    return source.query("SELECT suite, items, testable, contaminated, share, common FROM {suites} ORDER BY suite")


def number(source: Source, *, suite: str | None, found: bool) -> int:
    """How many items a suite (None: all) has; `found`: only those that the run holds."""
    return int(
        source.query(
            "SELECT count(*) FROM {items} WHERE ($suite IS NULL OR suite = $suite) AND (NOT $found OR contaminated)",
            suite=suite,
            found=found,
        ).item()
    )


def items(source: Source, *, suite: str | None, found: bool, offset: int, limit: int) -> pl.DataFrame:
    """Items of a suite (None: all), those that most documents hold first."""
    return source.query(
        f"SELECT {_COLUMNS} FROM {{items}} "  # noqa: S608 - names of ours
        "WHERE ($suite IS NULL OR suite = $suite) AND (NOT $found OR contaminated) "
        "ORDER BY documents + answer_documents DESC, best_score DESC NULLS LAST, suite, item "
        "LIMIT $limit OFFSET $offset",
        suite=suite,
        found=found,
        limit=limit,
        offset=offset,
    )


def item(source: Source, *, suite: str, item: int) -> dict[str, Any] | None:
    """One item's row; None where there is none."""
    found = source.query("SELECT * FROM {items} WHERE suite = $suite AND item = $item LIMIT 1", suite=suite, item=item)
    return None if found.is_empty() else found.row(0, named=True)


def holding(source: Source, *, suite: str, item: int) -> int:
    """How many documents hold an item or its answer, dropped ones among them."""
    sql = "SELECT count(DISTINCT id) FROM {contamination} WHERE suite = $suite AND item = $item"
    return int(source.query(sql, suite=suite, item=item).item())


def holders(source: Source, *, suite: str, item: int, offset: int, limit: int) -> pl.DataFrame:
    """The documents that hold an item, the best first: id, score, parts, host, state, tokens."""
    found = source.query(
        "SELECT id, max(score) AS score, string_agg(DISTINCT part, ', ' ORDER BY part DESC) AS parts "
        "FROM {contamination} WHERE suite = $suite AND item = $item GROUP BY id "
        "ORDER BY score DESC, id LIMIT $limit OFFSET $offset",
        suite=suite,
        item=item,
        limit=limit,
        offset=offset,
    )
    facts = documents.named(source, found["id"].to_list()).select("id", "host", "state", "tokens")
    return found.join(facts, on="id", how="left", maintain_order="left")


def places(source: Source, *, suite: str, item: int, key: str) -> list[dict[str, Any]]:
    """Where an item stands in one document, and where in the item that is; of its question and of its answer."""
    return source.query(
        "SELECT * FROM {contamination} WHERE suite = $suite AND item = $item AND id = $id "
        'ORDER BY part DESC, score DESC, "start"',
        suite=suite,
        item=item,
        id=key,
    ).to_dicts()


class ItemText(NamedTuple):
    """An item's question and answer, or why they cannot be shown."""

    question: str = ""
    answer: str = ""
    missing: str = ""


def text(
    source: Source, *, suite: str, item: int, near: tuple[str, ...], question: str | None, answer: str | None
) -> ItemText:
    """The item's text from the file that the run read, where that still lies there with the same bytes.

    A run stores no text of benchmarks. The manifest names the file and its SHA-256; a relative name is looked up in the
    folders `near`. What has another digest is not shown: it is not what the run compared. A digest is believed for as
    long as the file's time of change and size stay; a failure is never kept, so that the next visit tries again.
    """
    for listed in source.json("manifest.json").get("inputs") or []:
        name = str(listed.get("path"))
        if not name.endswith(TABLES) or Path(name).name.split(".")[0] not in (suite, suite.rpartition("/")[2]):
            continue
        for path in (Path(folder) / name for folder in near):
            stamp = _stamp(path)
            if stamp is not None and _digest(path, stamp) == str(listed.get("digest")):
                key = ("item", path, stamp, item, question, answer)
                try:
                    return _files.get(key, partial(_in_file, path, item, question, answer))
                except UserError as error:
                    return ItemText(missing=f"{error}")
        return ItemText(missing=f"{name} is not where the run read it, or has changed since")
    return ItemText(missing="the run does not say from which file its items came")


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes with a file; None where there is none, or one that is too large to be read for a page."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size) if status.st_size <= MOST_BYTES else None


def _digest(path: Path, stamp: tuple[int, int]) -> str:
    """SHA-256 of a file, worked out again when its `stamp` is another one; "" where it cannot be read."""
    try:
        return _files.get(("digest", path, stamp), lambda: hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError:
        return ""


def _in_file(path: Path, number: int, question: str | None, answer: str | None) -> ItemText:
    found: list[Item] = read_items([path], question, answer)[0]
    for one in found:
        if one.row == number:
            return ItemText(one.question, one.answer)
    raise UserError(f"{path.name} has no row {number}", code=Exit.INPUT)


def fields(source: Source, *, root: str) -> tuple[str | None, str | None]:
    """The fields of question and answer that the run was told; None where it guessed them."""
    if source.run.kind == "curate.decontaminate":
        try:
            told = yaml.safe_load((source.run.path / "recipe.yaml").read_text("utf-8"))
            return told["question"], told["answer"]
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
            return None, None
    told = FinishedRun.open(str(source.run.path), Path(root)).settings.decontaminate
    return told.question, told.answer


class Shared(NamedTuple):
    """N-grams that two texts share: where they lie in each (code points), how many distinct ones, and of how many."""

    left: list[tuple[int, int]]
    right: list[tuple[int, int]]
    shared: int
    total: int


def shared_ngrams(left: str, right: str, n: int) -> Shared:
    """N-grams of words (UAX #29, lower case: the tokens of the search) that both texts have; `total` are the left's."""
    from curate.contamination.match_tokens import tokens
    from curate.segment import Segments

    segments = Segments([left, right])
    words = tokens(segments, "words")
    split, shift = int(words.first[1]), int(segments.text.first[1])
    ids = words.ids.tolist()
    grams = [[tuple(side[at : at + n]) for at in range(len(side) - n + 1)] for side in (ids[:split], ids[split:])]
    both = set(grams[0]) & set(grams[1])
    begin, end = words.begin.tolist(), words.end.tolist()

    def spans(side: int) -> list[tuple[int, int]]:
        first, moved = (0, 0) if side == 0 else (split, shift)
        out: list[tuple[int, int]] = []
        for at, gram in enumerate(grams[side]):
            if gram in both:
                here = begin[first + at] - moved, end[first + at + n - 1] - moved
                if out and here[0] <= out[-1][1] + 1:
                    here = out.pop()[0], here[1]
                out.append(here)
        return out

    return Shared(spans(0), spans(1), len(both), len(set(grams[0])))
