"""A gold set that holds no text: pages of a crawl by their ids, and the hashes of the blocks that are their main text.

A file of JSON lines, one a page: `id`, `url`, `kind`, `lang`, `blocks` (hashes in the order of the page). The page
itself is read from the crawl, cut into blocks by the scanner and compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xxhash

from curate.extract.learn.labels import by_text, texts_of
from curate.extract.learn.sites import SitePage
from curate.extract.winnow.analyse import analyse
from curate.sources import plan_units, read_unit
from workbench.errors import Exit, UserError

_DIGITS = 10


class GoldPage(NamedTuple):
    """A page with its main text, put together from the blocks that the gold set names; `found` is the share of them."""

    id: str
    url: str
    host: str
    kind: str
    lang: str | None
    html: str
    truth: str
    found: float


def hash_of(text: str) -> str:
    """The name of a block in the gold set."""
    return xxhash.xxh3_64_hexdigest(text.encode())[:_DIGITS]


def entry(page: SitePage) -> dict[str, Any]:
    """The line of the gold set for a page whose main text is known."""
    texts = texts_of(analyse(page.html))
    share, _ = by_text(texts, page.truth)
    hashes = [hash_of(text) for text, part in zip(texts, share, strict=True) if part >= 0.5]
    return {"id": page.id, "url": page.url, "kind": page.kind, "lang": page.lang, "blocks": hashes}


def write_gold(entries: Iterable[dict[str, Any]], path: Path) -> None:
    """Writes a gold set, its pages in the order of their ids."""
    lines = [json.dumps(line, ensure_ascii=True) for line in sorted(entries, key=lambda line: str(line["id"]))]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def read_gold(path: Path, crawl: Path) -> list[GoldPage]:
    """The pages of a gold set from the WARC files of a folder, in the order of the set. Raises UserError (exit 4)."""
    try:
        wanted = {line["id"]: line for line in map(json.loads, path.read_text("utf-8").splitlines())}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a gold set of pages: {error}", code=Exit.INPUT) from error
    found: dict[str, GoldPage] = {}
    for unit in plan_units([str(file) for file in sorted(crawl.glob("*.warc.gz"))]):
        for record in read_unit(unit):
            line = wanted.get(record.id)
            if line is not None and record.body is not None:
                found[record.id] = _page(line, record.body, record.host or "")
    missing = [key for key in wanted if key not in found]
    if missing:
        raise UserError(f"{len(missing)} pages of {path} are not in {crawl}: {missing[0]} ...", code=Exit.INPUT)
    return [found[key] for key in wanted]


def _page(line: dict[str, Any], html: str, host: str) -> GoldPage:
    texts = texts_of(analyse(html))
    kept = _aligned([hash_of(text) for text in texts], line["blocks"])
    truth = "\n".join(texts[block] for block in kept)
    share = len(kept) / max(1, len(line["blocks"]))
    return GoldPage(line["id"], line["url"], host, line["kind"], line["lang"], html, truth, share)


def _aligned(hashes: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Positions of the wanted hashes, in order; of a text that stands twice, the place that fits its neighbours."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, hashes, wanted, autojunk=False)
    return [block.a + k for block in matcher.get_matching_blocks() for k in range(block.size)]
