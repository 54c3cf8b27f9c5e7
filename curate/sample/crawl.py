"""All records of the sample crawl in order: source pages as their sites serve them, what is made of them, and the rest.

Everything is a pure function of the seed, which decides the personal data, the order of the crawl, and the words that
near duplicates differ in.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from curate.sample import draw, warc
from curate.sample.near import rewritten
from curate.sample.odd import Odd, odd_records
from curate.sample.page import Block, Page, blocks, pages, paragraphs
from curate.sample.personal import values
from curate.sample.planted import Truth
from curate.sample.render import document, refrain_of
from curate.sample.shapes import SHAPES
from curate.sample.site import Site, sites
from curate.sample.transport import Transport, encode, message, response
from curate.sample.warc import WarcRecord

SERVED = warc.http_date(0)
OLD_DESIGNS = ("table", "forum", "wiki")
CITATION = re.compile(r"\[(?:\d+|citation needed)\]")
PLAIN = Transport()
# What the bytes are called by readers, where it is not the name that the plan uses.
WHATWG = {"utf-8-sig": "utf-8", "utf-16": "utf-16le", "utf-16-be-sig": "utf-16be", "iso-8859-1": "windows-1252"}


@dataclass(slots=True)
class Planted:
    """One record to be written, and the truth about it as far as it is known before its place is."""

    record: WarcRecord
    truth: Truth


@cache
def plan() -> dict[str, Any]:
    """How pages are served and what is made from them (variants.yaml)."""
    return yaml.safe_load((resources.files("curate.sample") / "variants.yaml").read_text("utf-8"))


@cache
def benchmark() -> dict[str, dict[str, Any]]:
    """The invented questions by id (benchmark.jsonl)."""
    lines = (resources.files("curate.sample") / "benchmark.jsonl").read_text("utf-8").splitlines()
    return {item["id"]: item for item in map(json.loads, lines)}


def crawl(seed: int) -> list[Planted]:
    """All records in the order of the crawl; repeats come after what they repeat."""
    made = [
        *_originals(seed),
        *_copies(seed),
        *_near(seed),
        *_truncated(seed),
        *_other_types(seed),
        *map(_odd, odd_records(SERVED)),
    ]
    shuffled = [made[place] for place in draw.order(len(made), seed, "crawl")]
    return shuffled + list(_repeats({planted.truth.key: planted for planted in made}))


def _filled(page: Page, seed: int) -> list[Block]:
    known = {name: value for name, (_, value) in values(seed).items()}
    known |= {f"bench.{name}": item["question"] for name, item in benchmark().items()}
    return blocks(page.filled(known))


def _transport(slug: str) -> Transport:
    return Transport(**plan()["transport"].get(slug, {}))


def _planted(page: Page, body: list[Block], site: Site, transport: Transport, seed: int, **known: Any) -> Planted:
    """A page as `site` serves it. `known` overrides what the page itself says (key, path, variant ...)."""
    key, path = known.pop("key", page.slug), known.pop("path", page.path)
    url = f"https://{site.host}{path}"
    text = tuple(paragraphs(body))
    if page.kind == "text":
        payload, block = _plain_text(text)
    else:
        meta = transport.meta(old=site.design in OLD_DESIGNS)
        html = document(page, body, site, url=url, charset_meta=meta)
        payload = encode(SHAPES[transport.shape](html) if transport.shape else html, transport.charset)
        block = response(payload, transport, date=SERVED)
    found = [values(seed)[name] for name in page.names if not name.startswith("bench.")]
    state = {"keep": "kept", "drop": "dropped", "either": "any"}[page.expect]
    charset = WHATWG.get(transport.charset, transport.charset)
    truth = Truth(
        id="", key=key, file="", row=0, url=url, kind=page.kind, variant="original", lang=page.lang or site.lang,
        charset=charset, state=state, rules=page.rules, text=text,
        pii=tuple((kind, value) for kind, value in found if kind),
        untouched=tuple(value for kind, value in found if not kind),
        edits=tuple((f"line:{block.info}", block.text) for block in body if block.kind == "planted"),
        citations=_marks(body, text) if site.design == "wiki" else 0,
        refrain=refrain_of(page, site),
        benchmark=tuple(name[6:] for name in page.names if name.startswith("bench.")),
    )  # fmt: skip
    return Planted(WarcRecord("response", key, block, url, payload=payload), replace(truth, **known))


def _marks(body: list[Block], text: tuple[str, ...]) -> int:
    """Citation marks in the text of an encyclopedia, and the [edit] that its design puts behind every heading."""
    return sum(len(CITATION.findall(line)) for line in text) + sum(block.kind == "heading" for block in body)


def _plain_text(text: tuple[str, ...]) -> tuple[bytes, bytes]:
    payload = "\n\n".join(text).encode() + b"\n"
    return payload, response(payload, PLAIN, date=SERVED, content_type="text/plain; charset=utf-8")


def _originals(seed: int) -> Iterator[Planted]:
    for page in pages().values():
        yield _planted(page, _filled(page, seed), sites()[page.site], _transport(page.slug), seed)


def _copies(seed: int) -> Iterator[Planted]:
    for copy in plan()["copies"]:
        page = pages()[copy["of"]]
        known = {"key": copy["key"], "path": copy["path"], "variant": "copy", "duplicate_of": page.slug, "jaccard": 1.0}
        original = _planted(page, _filled(page, seed), sites()[page.site], _transport(page.slug), seed, **known)
        if copy.get("bytes"):  # served once more, byte for byte, although its canonical address is another
            block = _planted(page, _filled(page, seed), sites()[page.site], _transport(page.slug), seed).record
            original.record = replace(original.record, block=block.block, payload=block.payload)
            yield original
        else:
            site = sites()[copy.get("site", page.site)]
            yield _planted(page, _filled(page, seed), site, PLAIN, seed, **known)


def _near(seed: int) -> Iterator[Planted]:
    for group in plan()["near"]:
        for slug in group["of"]:
            page = pages()[slug]
            site = sites()[group.get("site", page.site)]
            lang = page.lang or site.lang
            for target in group["jaccard"]:
                key = f"{slug}-near-{round(100 * target)}"
                body, jaccard = rewritten(_filled(page, seed), lang, target, seed, key)
                known = {"key": key, "path": f"/again/{key}", "variant": "near", "duplicate_of": slug}
                yield _planted(page, body, site, PLAIN, seed, **known, jaccard=jaccard)


def _truncated(seed: int) -> Iterator[Planted]:
    """Pages whose body ends early: said by the crawler, shown by a broken gzip stream, shown by the length."""
    for slug, key, path in (
        ("fresnel", "truncated-said", "/m/the-lens-that-lit-the-coast"),
        ("pencil", "truncated-gzip", "/m/a-short-history-of-the-pencil"),
        ("a4", "truncated-length", "/m/the-proportions-of-a-sheet-of-paper"),
    ):
        page = pages()[slug]
        known = {"key": key, "path": path, "variant": "truncated", "duplicate_of": slug, "text": ()}
        planted = _planted(page, _filled(page, seed), sites()[page.site], PLAIN, seed, **known)
        body = planted.record.payload or b""
        cut = len(body) * 7 // 10
        if key == "truncated-said":
            block = response(body[:cut], PLAIN, date=SERVED)
            planted.record.fields.append(("WARC-Truncated", "length"))
        elif key == "truncated-gzip":
            squeezed = gzip.compress(body, 6, mtime=0)
            headers = [("Content-Type", PLAIN.content_type()), ("Content-Encoding", "gzip")]
            block = message(200, headers, squeezed[: len(squeezed) * 7 // 10], date=SERVED)
            planted.record.fields.append(("WARC-Truncated", "disconnect"))
        else:
            headers = [("Content-Type", PLAIN.content_type()), ("Content-Length", str(len(body)))]
            block = message(200, headers, body[:cut], date=SERVED)
        planted.record.block = block
        yield planted


def _other_types(seed: int) -> Iterator[Planted]:
    """The record types besides `response` that hold a page, and the one that only points to an earlier capture."""
    page, site = pages()["ferry"], sites()["portlow"]
    known = {"variant": "copy", "duplicate_of": page.slug, "jaccard": 1.0}
    body = _filled(page, seed)
    text = _planted(page, body, site, PLAIN, seed, key="conversion", path="/text/ferry", **known)
    text.record.type, text.record.content_type = "conversion", "text/plain; charset=utf-8"
    text.record.block = text.record.payload = "\n".join(text.truth.text).encode()
    yield text
    saved = _planted(page, body, site, PLAIN, seed, key="resource", path="/saved/ferry.html", **known)
    saved.record.type, saved.record.content_type = "resource", "text/html"
    saved.record.block = saved.record.payload or b""
    yield saved
    known = {"variant": "odd", "kind": "revisit", "state": "dropped", "rules": ("read.revisit",), "text": ()}
    again = _planted(page, body, site, PLAIN, seed, key="revisit", path=page.path, **known)
    again.record.type = "revisit"
    again.record.block = message(200, [("Content-Type", "text/html")], b"", date=SERVED)
    again.record.fields.append(("WARC-Profile", "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"))
    yield again


def _odd(odd: Odd) -> Planted:
    url = f"https://{odd.path}"
    payload = odd.block.partition(b"\r\n\r\n")[2]
    truth = Truth(
        id="", key=odd.key, file="", row=0, url=url, kind=odd.kind, variant="odd", lang=None, charset=None,
        state=odd.state, rules=odd.rules,
    )  # fmt: skip
    return Planted(WarcRecord("response", odd.key, odd.block, url, payload=payload), truth)


def _repeats(made: dict[str, Planted]) -> Iterator[Planted]:
    """Two records with the id of an earlier one: the same record once more, and another page under a used id."""
    for name, key in (("ferry", "ferry"), ("rebase", "rebase-old")):
        record, truth = made[key].record, made[key].truth
        yield Planted(
            replace(record, name=name),
            replace(
                truth,
                key=f"repeat-{name}",
                variant="repeat",
                state="dropped",
                rules=("read.same_record",),
                duplicate_of=None,
            ),
        )
