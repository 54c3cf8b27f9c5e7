"""Precision and recall of the personal-data edits on generated gold sets, and their cost per page.

    python benchmarks/pii.py

Gold: the presidio-research sets in `pii/` of the data folder (generated values with their spans). Beside our default
settings stand the patterns of two published systems, restated from their description: datatrove's (e-mail addresses and
public dotted quads) and Dolma's (e-mail addresses, ten-digit US telephone numbers, dotted quads).
The settings were worked out with these sets at hand: the figures compare, they do not foretell another set's.
A find is right when it overlaps a gold span of its type (exact: has the same ends). Gold values that their own standard
calls invalid (a card number whose Luhn digit does not hold) cannot be told from any other number by their form, so
recall is given with and without them.
Cost: CPU milliseconds per page over real pages, the median of several passes.
Writes benchmarks/results/pii.json and pii.md.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import zstandard
from stdnum import iban, luhn
from stdnum.us import ssn

from curate.edits import EditsConfig
from curate.edits.edit import edit

HERE = Path(__file__).parent
RESULTS = HERE / "results"
# Seen in the misses; kept beside the counts so that nobody takes them for an accident.
WHY = {
    "phone": 'national numbers of other countries in an English text that no word names, as in "not answering at 9320 '
    "7126\"; dates, scores and part numbers look the same, and the words of one generator's templates are not added",
    "credit_card": "beginnings that no issuer has (3519, 3521, 0604)",
}
KEY = b"benchmark of the personal data"
BATCH = 256
PASSES = 5
TYPES = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip",
    "CREDIT_CARD": "credit_card",
    "IBAN_CODE": "iban",
    "US_SSN": "us_ssn",
}
OURS = {"ipv4": "ip", "ipv6": "ip"}


class Span(NamedTuple):
    """A find or a gold value in one text."""

    start: int
    end: int
    type: str


def rows(path: Path) -> list[dict[str, Any]]:
    """A JSONL.zst file."""
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def public(spelling: str) -> bool:
    """Whether this is an address of the public Internet."""
    try:
        return ipaddress.ip_address(spelling).is_global
    except ValueError:
        return False


VALID: dict[str, Callable[[str], bool]] = {
    "credit_card": lambda value: luhn.is_valid(re.sub(r"\D", "", value)),
    "iban": lambda value: iban.is_valid(value, check_country=False),
    "us_ssn": ssn.is_valid,
    "ip": public,
}


def ours(texts: list[str]) -> list[list[Span]]:
    """Our finds with the default settings, line rules and citation marks off."""
    settings = EditsConfig.off().model_copy(update={"pii": EditsConfig().pii})
    found: list[list[Span]] = [[] for _ in texts]
    for change in edit(texts, ["en"] * len(texts), settings, KEY).edits:
        kind = change.kind.removeprefix("pii:")
        found[change.doc].append(Span(change.start, change.end, OURS.get(kind, kind)))
    return found


OCTET = r"(?:25[0-5]|2[0-4]\d|[01]?\d?\d)"
QUAD = re.compile(rf"{OCTET}(?:\.{OCTET}){{3}}", re.ASCII)
ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
RFC_EMAIL = re.compile(
    rf"\b{ATOM}(?:\.{ATOM})*@(?:[^\W_](?:[a-zA-Z0-9-]*[^\W_])?\.)+[^\W_](?:[a-zA-Z0-9-]*[^\W_])?", re.ASCII
)
# Dolma's takes whatever surrounds the sign up to white space or one of these marks, and needs white space behind it.
LOOSE_EMAIL = re.compile(r"[^\s@]+@[^\s@,?!;:)(]+?(?=[.\s@,?!;:)(]?\s)")
US_PHONE = re.compile(r"(?<=\s)\(?\d{3}\)?[-. ]*\d{3}[-. ]?\d{4}", re.ASCII)


def datatrove_like(text: str) -> list[Span]:
    """E-mail addresses after RFC 5322 and public dotted quads."""
    spans = [Span(*found.span(), "email") for found in RFC_EMAIL.finditer(text)]
    return spans + [Span(*found.span(), "ip") for found in QUAD.finditer(text) if public(found.group())]


def dolma_like(text: str) -> list[Span]:
    """Loose e-mail addresses, ten-digit US telephone numbers, any dotted quad."""
    text += "\n"  # it wants white space behind an address, which the texts of its corpora have at their end
    patterns = ((LOOSE_EMAIL, "email"), (US_PHONE, "phone"), (QUAD, "ip"))
    return [Span(*found.span(), kind) for pattern, kind in patterns for found in pattern.finditer(text)]


def matches(span: Span, others: Iterable[Span], exact: bool) -> bool:
    """Whether a span of the same type is the same, or overlaps."""
    same = (other for other in others if other.type == span.type)
    if exact:
        return span in same
    return any(span.start < other.end and other.start < span.end for other in same)


def score(gold: list[list[Span]], texts: list[str], found: list[list[Span]]) -> dict[str, dict[str, Any]]:
    """Counts and rates by type."""
    table = {}
    for kind in TYPES.values():
        wanted = [(doc, span) for doc, spans in enumerate(gold) for span in spans if span.type == kind]
        given = [(doc, span) for doc, spans in enumerate(found) for span in spans if span.type == kind]
        valid = VALID.get(kind, lambda value: True)
        sound = [(doc, span) for doc, span in wanted if valid(texts[doc][span.start : span.end])]
        row: dict[str, Any] = {"gold": len(wanted), "gold_valid": len(sound), "finds": len(given)}
        for name, exact in (("overlap", False), ("exact", True)):
            right = sum(matches(span, gold[doc], exact) for doc, span in given)
            caught = sum(matches(span, found[doc], exact) for doc, span in wanted)
            caught_sound = sum(matches(span, found[doc], exact) for doc, span in sound)
            row[name] = {
                "precision": right / len(given) if given else None,
                "recall": caught / len(wanted) if wanted else None,
                "recall_valid": caught_sound / len(sound) if sound else None,
            }
        table[kind] = row
    return table


def cost(texts: list[str], run: Callable[[list[str]], object]) -> float:
    """CPU milliseconds per page, the median of the passes (the first, with compilation, is not counted)."""
    batches = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
    spent = []
    for _ in range(PASSES + 1):
        begin = time.process_time()
        for batch in batches:
            run(batch)
        spent.append((time.process_time() - begin) / len(texts) * 1000)
    return statistics.median(spent[1:])


def costs(texts: list[str]) -> dict[str, float]:
    """CPU milliseconds per page of our edits, whole and in part, and of the patterns beside them."""
    everything = EditsConfig()
    only_pii = EditsConfig.off().model_copy(update={"pii": everything.pii})
    only_lines = EditsConfig.off().model_copy(update={"lines": everything.lines, "citations": everything.citations})
    languages = ["en"] * BATCH
    return {
        "winnow: line rules, citation marks and personal data": cost(
            texts, lambda batch: edit(batch, languages[: len(batch)], everything, KEY)
        ),
        "winnow: personal data alone": cost(texts, lambda batch: edit(batch, languages[: len(batch)], only_pii, KEY)),
        "winnow: line rules and citation marks alone": cost(
            texts, lambda batch: edit(batch, languages[: len(batch)], only_lines, KEY)
        ),
        "datatrove-like (e-mail, IPv4)": cost(texts, lambda batch: [datatrove_like(text) for text in batch]),
        "dolma-like (e-mail, US phone, IPv4)": cost(texts, lambda batch: [dolma_like(text) for text in batch]),
    }


def misses(gold: list[list[Span]], texts: list[str], found: list[list[Span]]) -> dict[str, int]:
    """Why gold values were not found: by type, and for those of invalid form by that."""
    counted: Counter[str] = Counter()
    for doc, spans in enumerate(gold):
        for span in spans:
            if not matches(span, found[doc], exact=False):
                sound = VALID.get(span.type, lambda value: True)(texts[doc][span.start : span.end])
                counted[f"{span.type}{'' if sound else ' (invalid by its own standard)'}"] += 1
    return dict(sorted(counted.items()))


def rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def markdown(report: dict[str, Any]) -> str:
    """The report as tables."""
    parts = ["# Personal data: precision, recall and cost", "", __doc__.strip().split("\n\n", 2)[2], ""]
    parts += [f"{report['texts']} texts. Types without a form that a pattern could find, left out: "]
    parts[-1] += ", ".join(f"{name} ({count})" for name, count in report["unclaimed"].items()) + "."
    for name, table in report["systems"].items():
        parts += ["", f"## {name}", ""]
        parts += ["| type | gold | valid | finds | precision | recall | of valid | exact precision | exact recall |"]
        parts += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
        for kind, row in table.items():
            if row["finds"] or name == "winnow":
                over, exact = row["overlap"], row["exact"]
                cells = [over["precision"], over["recall"], over["recall_valid"], exact["precision"], exact["recall"]]
                counts = f"{row['gold']} | {row['gold_valid']} | {row['finds']}"
                parts += [f"| {kind} | {counts} | {' | '.join(map(rate, cells))} |"]
    parts += ["", "## What winnow misses", ""]
    parts += [f"- {kind}: {count}: {WHY.get(kind, 'see the data')}" for kind, count in report["misses"].items()]
    if report["cost_ms_per_page"]:
        parts += [
            "",
            "## Cost",
            "",
            f"CPU ms per page over {report['pages']} pages of {report['chars']:.0f} characters.",
        ]
        parts += ["", "| | ms/page |", "|---|---:|"]
        parts += [f"| {name} | {value:.3f} |" for name, value in report["cost_ms_per_page"].items()]
    return "\n".join(parts) + "\n"


def main() -> None:
    data = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    records = [record for path in sorted((data / "pii").glob("*.jsonl.zst")) for record in rows(path)]
    texts = [record["full_text"] for record in records]
    gold = [
        [
            Span(s["start_position"], s["end_position"], TYPES[s["entity_type"]])
            for s in r["spans"]
            if s["entity_type"] in TYPES
        ]
        for r in records
    ]
    unclaimed = Counter(s["entity_type"] for r in records for s in r["spans"] if s["entity_type"] not in TYPES)
    mine = ours(texts)
    pages = [row["text"] for row in rows(data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst")]
    report = {
        "texts": len(texts),
        "unclaimed": dict(unclaimed.most_common()),
        "systems": {
            "winnow": score(gold, texts, mine),
            "datatrove-like": score(gold, texts, [datatrove_like(text) for text in texts]),
            "dolma-like": score(gold, texts, [dolma_like(text) for text in texts]),
        },
        "misses": misses(gold, texts, mine),
        "pages": len(pages),
        "chars": statistics.mean(map(len, pages)),
        "cost_ms_per_page": costs(pages),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pii.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / "pii.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
