"""How far our profiles agree with the peers they are named after; writes docs/parity.md.

    python benchmarks/parity.py [DATA] [--out docs/parity.md]

DATA is the folder that holds `peer-decisions` (datatrove 0.10.1's verdicts on real pages, with the text it judged) and
`peer-tests` (unit tests of five tools). Pages are named by a hash of their id; no text of a page is written.
"""

from __future__ import annotations

import argparse
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import near_parity
import peer_cases
import polars as pl
import xxhash
import zstandard
from markdown_tables import percent, table

from curate.edits.edit import edit
from curate.language import identifier
from curate.measures import Batch, Measurer
from curate.rules import Profile, columns, evaluate, load_profile
from curate.segment import Segments

ROOT = Path(__file__).parents[1]
BATCH = 256


class Family(NamedTuple):
    """One of the peer's filters: our profile, and the peer's name for each of our rules."""

    profile: str
    reasons: Mapping[str, str]


REPETITION = {
    "gopher.empty": "empty",
    **{
        f"gopher.dup_{unit}_{kind}": f"dup_{unit}_{kind}" for unit in ("para", "line") for kind in ("frac", "char_frac")
    },
    **{f"gopher.top_{n}_gram": f"top_{n}_gram" for n in (2, 3, 4)},
    **{f"gopher.dup_{n}_gram": f"duplicated_{n}_n_grams" for n in range(5, 11)},
}
QUALITY = {
    "gopher.words_min": "gopher_short_doc",
    "gopher.words_max": "gopher_long_doc",
    "gopher.mean_word_length_min": "gopher_below_avg_threshold",
    "gopher.mean_word_length_max": "gopher_above_avg_threshold",
    "gopher.hash_ratio": "gopher_too_many_hashes",
    "gopher.ellipsis_ratio": "gopher_too_many_ellipsis",
    "gopher.bullet_lines": "gopher_too_many_bullets",
    "gopher.ellipsis_lines": "gopher_too_many_end_ellipsis",
    "gopher.alpha_words": "gopher_below_alpha_threshold",
    "gopher.stop_words": "gopher_enough_stop_words",
}
C4 = {
    "c4.lorem_ipsum": "lorem_ipsum",
    "c4.curly_bracket": "curly_bracket",
    "c4.sentences": "too_few_sentences",
}
FINEWEB = {
    "fineweb.empty": "empty",
    "fineweb.punct_lines": "line_punct_ratio",
    "fineweb.short_lines": "short_line_ratio",
    "fineweb.dup_line_chars": "char_dup_ratio",
    "fineweb.list_ratio": "list_ratio",
}
FAMILIES = {
    "gopher_repetition": Family("gopher@datatrove", REPETITION),
    "gopher_quality": Family("gopher@datatrove", QUALITY),
    "c4_quality": Family("c4@datatrove", C4),
    "fineweb_quality": Family("fineweb@datatrove", FINEWEB),
}
GOPHERS = ["gopher@datatrove", "gopher@dclm", "gopher@olmo3", "winnow/gopher"]
CHAINS = ["fineweb-pipeline@datatrove", "dclm", "olmo3", "winnow"]
GROUPS: dict[str, tuple[list[str], str | None]] = {
    "Gopher, all pages": (GOPHERS, None),
    "Gopher, English pages": (GOPHERS, "en"),
    "C4": (["c4@datatrove", "c4@datatrove-terminal", "c4@tfds"], None),
    "FineWeb": (["fineweb@datatrove", "fineweb@paper"], None),
    "Whole chains, all pages": (CHAINS, None),
    "Whole chains, English pages": (CHAINS, "en"),
}


class Difference(NamedTuple):
    """A page on which we and the peer disagree."""

    family: str
    id: str
    peer: str
    ours: str
    value: str


class Pages:
    """The pages with their measures, of the text the peer judged and of what each profile's edits make of it."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self._measurer = Measurer()
        texts = [row["text"] for row in rows]
        languages = [found for chunk in _chunks(texts) for found in identifier("builtin").identify(chunk)]
        self.langs = [found.lang for found in languages]
        own = pl.DataFrame({"language.lang": self.langs, "language.score": [found.score for found in languages]})
        self.extracted = pl.concat([self._measure(texts), own], how="horizontal")

    def _measure(self, texts: Sequence[str]) -> pl.DataFrame:
        frames = []
        for begin in range(0, len(texts), BATCH):
            part = slice(begin, begin + BATCH)
            urls = [row["url"] for row in self.rows[part]]
            batch = Batch(Segments(list(texts[part])), list(texts[part]), urls, [None] * len(urls), self.langs[part])
            frames.append(self._measurer.measure(batch))
        return pl.concat(frames)

    def edited(self, profile: Profile) -> tuple[list[str], pl.DataFrame]:
        """The texts after the profile's edits, and the measures of the edits."""
        texts: list[str] = []
        frames = []
        for begin in range(0, len(self.rows), BATCH):
            part = slice(begin, begin + BATCH)
            found = edit([row["text"] for row in self.rows[part]], self.langs[part], profile.edits, peer_cases.KEY)
            texts += found.texts
            frames.append(pl.DataFrame(found.measures))
        return texts, pl.concat(frames)

    def measures(self, profile: Profile) -> pl.DataFrame:
        """The columns the profile reads."""
        wanted = columns(profile)
        if profile.text == "extracted" and not any(name.endswith("@edited") for name in wanted):
            return self.extracted.select(wanted)
        texts, edits = self.edited(profile)
        edited = pl.concat([self._measure(texts), edits], how="horizontal")
        if profile.text == "edited":
            main = pl.concat([edited, self.extracted.select("language.lang", "language.score")], how="horizontal")
            other = self.extracted.rename(lambda name: f"{name}@extracted")
        else:
            main, other = self.extracted, edited.rename(lambda name: f"{name}@edited")
        return pl.concat([main, other], how="horizontal").select(wanted)


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    for begin in range(0, len(texts), BATCH):
        yield list(texts[begin : begin + BATCH])


def read(data: Path) -> list[dict[str, Any]]:
    """The peer's pages and verdicts."""
    with zstandard.open(data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst", "rb") as raw:
        return [json.loads(line) for line in io.TextIOWrapper(raw, "utf-8")]


def compare(pages: Pages) -> tuple[list[dict[str, Any]], list[Difference]]:
    """Agreement with datatrove by family, and every page that differs."""
    agreement, differences = [], []
    for name, family in FAMILIES.items():
        whole = load_profile(family.profile)
        rules = tuple(rule for rule in whole.rules if rule.id in family.reasons)
        profile = whole.model_copy(update={"declared": rules})
        verdicts = evaluate(profile, pages.measures(profile))
        counts: Counter[str] = Counter()
        for row, first, value, threshold in zip(
            pages.rows, verdicts.first, verdicts.value, verdicts.threshold, strict=True
        ):
            peer = row["verdicts"][name]
            reason = None if first is None else family.reasons[first]
            counts["verdict"] += (first is None) == peer["keep"]
            counts["reason"] += reason == peer["reason"]
            if reason != peer["reason"]:
                hashed = xxhash.xxh3_64_hexdigest(row["id"].encode())
                text = "" if first is None else f"{value} {threshold}"
                differences.append(Difference(name, hashed, peer["reason"] or "keep", reason or "keep", text))
        agreement.append({"family": name, "profile": family.profile, "documents": len(pages.rows), **counts})
    return agreement, differences


def rewritten(pages: Pages) -> tuple[int, int, list[str]]:
    """Pages that the C4 filter kept, how many of them our edits rewrite to the same text, and the others' hashes."""
    texts, _ = pages.edited(load_profile("c4@datatrove"))
    kept = [(row, text) for row, text in zip(pages.rows, texts, strict=True) if row["verdicts"]["c4_quality"]["keep"]]
    other = [
        xxhash.xxh3_64_hexdigest(row["id"].encode())
        for row, text in kept
        if text != (row["verdicts"]["c4_quality"].get("text_after") or row["text"])
    ]
    return len(kept), len(kept) - len(other), other


def disagreement(pages: Pages, names: Sequence[str], lang: str | None) -> list[list[str]]:
    """Rows of a table: profile, share kept, and the share of pages on which it disagrees with each of the others.

    `profile/family` stands for the rules of one family of a profile; `lang` narrows the pages to one language.
    """
    kept = {}
    asked = pl.Series([lang in (None, found) for found in pages.langs])
    for name in names:
        whole, _, family = name.partition("/")
        profile = load_profile(whole)
        rules = tuple(rule for rule in profile.rules if family in ("", rule.family))
        profile = profile.model_copy(update={"declared": rules})
        kept[name] = evaluate(profile, pages.measures(profile)).first.is_null().filter(asked)
    total = int(asked.sum())
    share = lambda series: f"{100 * series.sum() / total:.1f}"  # noqa: E731
    return [
        [name, share(kept[name]), *("" if name == other else share(kept[name] != kept[other]) for other in names)]
        for name in names
    ]


def decisions(pages: Pages) -> str:
    """The section on the peer's verdicts."""
    agreement, differences = compare(pages)
    rows = []
    for row in agreement:
        total, verdict, reason = row["documents"], row["verdict"], row["reason"]
        share = (percent(verdict, total), percent(reason, total))
        rows.append([row["family"], row["profile"], total, verdict, share[0], reason, share[1]])
    kept, same, other = rewritten(pages)
    found = "No page differs in verdict or reason."
    if differences:
        found = "The pages that differ:\n\n" + table(["filter", "page", "peer", "ours", "our value"], differences)
    return DECISIONS.format(
        pages=f"{len(pages.rows):,}",
        table=table(["filter", "our profile", "documents", "same verdict", "%", "same reason", "%"], rows),
        differences=found,
        kept=f"{kept:,}",
        same=f"{same:,}",
        share=percent(same, kept),
        other=f" Another text: {', '.join(other)}." if other else "",
    )


def unit_tests(data: Path) -> str:
    """The section on the peers' unit tests."""
    total: Counter[tuple[str, str]] = Counter()
    passed: Counter[tuple[str, str]] = Counter()
    failed: list[str] = []
    for case in peer_cases.cases(data):
        key = (case["suite"], case["rule"])
        total[key] += 1
        outcome = peer_cases.run(case)
        if outcome is not None:
            passed[key] += outcome.same
            if not outcome.same:
                name = f"{case['suite']} {case['rule']}, case {total[key]} ({case['source'].rpartition('::')[2]})"
                failed.append(f"- {name}: the peer says {outcome.peer}, we say {outcome.ours}")
    rows = []
    for key in sorted(total):
        mapped = peer_cases.MAPPED.get(key)
        rows.append([*key, total[key], passed[key] if mapped else "", mapped or f"not run: {peer_cases.UNMAPPED[key]}"])
    differing = [key for key in sorted(peer_cases.MAPPED) if passed[key] < total[key]]
    reasons = [f"- **{' '.join(key)}**: {peer_cases.EXPLAINED[key]}." for key in differing]
    return UNIT_TESTS.format(
        cases=sum(total.values()),
        rules=len(total),
        table=table(["tool", "rule", "cases", "same", "run as"], rows),
        passed=sum(passed.values()),
        run=sum(total[key] for key in peer_cases.MAPPED),
        failed="\n".join(failed) or "- none",
        reasons="\n".join(reasons),
    )


def variants(pages: Pages) -> str:
    """The section on how far profiles of one name are apart."""
    parts = [
        f"**{title}**\n\n" + table(["profile", "kept", *names], disagreement(pages, names, lang))
        for title, (names, lang) in GROUPS.items()
    ]
    return VARIANTS.format(tables="\n\n".join(parts))


HEADER = """# Parity with the peers

Written by `python benchmarks/parity.py`; do not edit. Pages are named by the xxh3 hash of their id.
"""
DECISIONS = """
## datatrove 0.10.1 on real pages

datatrove's own verdicts on the text of {pages} pages, filter by filter without early exit, against our profiles on the
same text. *Same verdict*: both keep or both drop. *Same reason*: the first rule that fails is the one datatrove names.

{table}

{differences}

The C4 filter also rewrites the pages it keeps. Of {kept}, the edits of `c4@datatrove` give the same text, character by
character, for {same} ({share} %).{other}
"""
UNIT_TESTS = """
## The peers' own unit tests

{cases} inputs and expectations for {rules} rules, from the test suites of five tools. A rule that one of our profiles
or edits names is run case by case.

{table}

{passed} of the {run} cases that are run end as the peer says. The others:

{failed}

{reasons}
"""
VARIANTS = """
## How far the variants are apart

The same name means different programs. By profile: the share of these pages that it keeps, and the share on which it
disagrees with each of the others, in per cent. All read the text datatrove extracted; block lists are empty.
`winnow/gopher` stands for the Gopher rules of `winnow` alone.

{tables}

Dolma's, NeMo Curator's and RedPajama's readings of Gopher are not profiles: Dolma's released mixer misspells one of its
own attributes, so that its n-gram rule never fires; Curator drops every page shorter than an n-gram; RedPajama
publishes signals without a verdict.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("data", nargs="?", type=Path, default=default, help="folder with peer-decisions and peer-tests")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "parity.md")
    options = parser.parse_args()
    if not (options.data / "peer-decisions").is_dir():
        parser.error(f"no peer-decisions in {options.data}")
    pages = Pages(read(options.data))
    parts = (HEADER, decisions(pages), near_parity.section(pages.rows), unit_tests(options.data), variants(pages))
    options.out.write_text("".join(parts), "utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
