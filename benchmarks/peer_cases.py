"""Peers' own unit tests run against our rules and edits: which case maps to what, and what becomes of it.

A case is one line of `peer-tests/cases.jsonl.gz`: the suite and rule it comes from, its parameters, an input, and what
the peer expects. `run` gives None for a rule that nothing of ours names (the reason stands in `UNMAPPED`), else what we
say and what the peer says; texts are compared, never shown.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate.edits.config import EditsConfig
from curate.edits.edit import edit
from curate.measures import Batch, Measurer, load_lists
from curate.rules import OFF, Profile, evaluate, load_profile, override
from curate.segment import Segments

KEY = b"peer cases, no secret of any kind"
Case = Mapping[str, Any]

UNMAPPED = {
    ("data-juicer", "CharacterRepetitionFilter"): "repeated 5-grams of characters: no profile has this measure; "
    "the n-grams of words and the repeated lines of Gopher cover it",
    ("data-juicer", "CleanCopyrightMapper"): "comment blocks with licences in source files: not web text",
    ("data-juicer", "RemoveCommentsMapper"): "comments of LaTeX sources: not web text",
    (
        "data-juicer",
        "RemoveRepeatSentencesMapper",
    ): "rewrites the page; repetition inside a page is measured and judged here, not cut",
    ("data-juicer", "RemoveSpecificCharsMapper"): "deletes the characters it is told, wherever they are: no such edit",
    ("data-juicer", "RemoveTableTextMapper"): "deletes tables; here tables are kept readable",
    ("data-juicer", "WhitespaceNormalizationMapper"): "replaces every kind of blank by a space: no such edit",
    ("dclm", "alphanumeric_char_ratio_filter"): "RedPajama's rule for files of GitHub: not web text",
    ("dclm", "arxiv_appendix_modifier"): "LaTeX sources: not web text",
    ("dclm", "arxiv_macro_modifier"): "LaTeX sources: not web text",
    ("dclm", "key_name_modifier"): "renames a key of the record: the readers' work, no rule",
    ("dclm", "stackexchange_html_extraction_modifier"): "the layout of the Stack Exchange dump: no rule",
    ("nemo-curator", "NumberOfLinesOfCodeFilter"): "lengths of source files: not web text",
    ("nemo-curator", "XMLHeaderFilter"): "source files that are XML: not web text",
}
EXPLAINED = {
    ("datatrove", "URLFilter"): "datatrove compares a list's entry with the registered domain and with the full host "
    "name only; in the UT1 format, which we follow, a listed host also blocks the hosts below it",
    ("data-juicer", "WordsNumFilter"): "the peer counts the pieces of a SentencePiece model, we count UAX-29 words "
    "(Chinese by ideograph or dictionary)",
    (
        "data-juicer",
        "CleanIpMapper",
    ): "the peer deletes whatever its pattern matches, also inside longer runs of digits "
    "and letters; we take only whole addresses that are valid",
}


class Outcome(NamedTuple):
    """One case: what we say, what the peer expects (a verdict, or whether the text is the expected one)."""

    ours: str
    peer: str

    @property
    def same(self) -> bool:
        """Whether we agree."""
        return self.ours == self.peer


def cases(data: Path) -> list[Case]:
    """All cases of the set, in its order."""
    with gzip.open(data / "peer-tests" / "cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def run(case: Case) -> Outcome | None:
    """What becomes of a case; None where its rule is not mapped."""
    runner = _RUNNERS.get((case["suite"], case["rule"]))
    return None if runner is None else runner(case)


@cache
def _measurer(domains: tuple[str, ...]) -> Measurer:
    lists = load_lists()
    return Measurer(lists.__class__(lists.lexicons, domains=frozenset(domains)))


def _first(profile: Profile, text: str, url: str | None = None, domains: tuple[str, ...] = ()) -> str | None:
    """The first rule of the profile that the text fails."""
    batch = Batch(Segments([text]), [text], [url], [None], ["en"])
    measures = _measurer(domains).measure(batch).with_columns(pl.lit("en").alias("language.lang"))
    return evaluate(profile, measures).first[0]


def _edited(text: str, lines: Mapping[str, str], **more: Any) -> str:
    config = EditsConfig.off().model_dump()
    config["lines"] |= lines
    config["pii"] |= more.pop("pii", {})
    return edit([text], ["en"], EditsConfig.model_validate(config | more), KEY).texts[0]


def _set(profile: Profile, **thresholds: Any) -> Profile:
    named = {name.replace("__", "."): value for name, value in thresholds.items()}
    return override(profile, named, dict.fromkeys(named, "case"))


def _only(profile: Profile, *ids: str) -> Profile:
    return profile.model_copy(update={"declared": tuple(rule for rule in profile.declared if rule.id in ids)})


def _verdict(first: str | None, case: Case, reasons: Mapping[str, str] | None = None) -> Outcome:
    ours, peer = ("keep" if first is None else "drop"), ("keep" if case["keep"] else "drop")
    if reasons and case.get("reason"):
        ours, peer = f"{ours} {reasons.get(first or '', first)}", f"{peer} {case['reason']}"
    return Outcome(ours, peer)


def _text(ours: str, expected: str) -> Outcome:
    return Outcome("the expected text" if ours == expected else "another text", "the expected text")


def _c4(case: Case) -> Outcome:
    profile = load_profile("c4@datatrove-terminal")
    lines = profile.edits.lines.model_dump()
    if case["params"].get("min_num_sentences") == -1:
        profile = _set(profile, c4__sentences=OFF)
    if case["params"].get("min_words_per_line") == -1:
        lines["few_words"] = OFF
    if "expected_not_in_text" in case:
        text = _edited(case["text"], lines, citations=profile.edits.citations)
        found = case["expected_not_in_text"] in text
        return Outcome("in the text" if found else "not in the text", "not in the text")
    reasons = {
        "c4.sentences": "too_few_sentences",
        "c4.lorem_ipsum": "lorem_ipsum",
        "c4.curly_bracket": "curly_bracket",
    }
    return _verdict(_first(profile, case["text"]), case, reasons)


def _url(case: Case) -> Outcome:
    first = _first(load_profile("url@datatrove"), "text", case["url"], tuple(case["params"]["extra_domains"]))
    reason = {"url.blocked_domain": case.get("reason", "")}  # we have one rule for domains and subdomains
    return _verdict(first, case, reason)


def _repetition(case: Case) -> Outcome:
    params = case["params"]
    grain = params["granularity"]
    if isinstance(grain, int):
        name = f"gopher.top_{grain}_gram" if grain <= 4 else f"gopher.dup_{grain}_gram"
    else:
        unit = {"line": "line", "paragraph": "para"}[grain]
        name = f"gopher.dup_{unit}_{'char_' if params.get('count_characters', True) else ''}frac"
    profile = _only(load_profile("gopher@dclm"), "gopher.empty", name)
    return _verdict(_first(_set(profile, **{name: params["max_fraction"]}), case["page"]["text"]), case)


def _page(text: str, case: Case) -> Outcome:
    """A modifier of DCLM: an empty page is dropped, which here is the work of `extract.empty`."""
    if not case["expected"]:
        return Outcome("keep" if text.strip() else "drop", "drop")
    return _text(text, case["expected"][0]["text"])


def _counter(case: Case) -> Outcome:
    return _page(_edited(case["page"]["text"], {"counter": "refinedweb@dclm", "whitespace": "refinedweb@dclm"}), case)


def _citation(case: Case) -> Outcome:
    return _page(_edited(case["page"]["text"], {}, citations="c4@tfds"), case)


def _ip(case: Case) -> Outcome:
    pii = {"ipv4": "replace", "ipv6": "replace", "public_ips_only": False, "skip_reserved": False}
    text = _edited(case["text"], {}, pii=pii)
    repl = case["params"].get("repl", "")
    return _text(text.replace("<IPV4>", repl).replace("<IPV6>", repl), case["expected_text"])


def _words(case: Case) -> Outcome:
    profile = _only(load_profile("winnow"), "gopher.words_min", "gopher.words_max")
    profile = _set(profile, gopher__words_min=case["params"]["min_num"], gopher__words_max=case["params"]["max_num"])
    return _verdict(_first(profile, case["text"]), case)


def _long_word(case: Case) -> Outcome:
    profile = _set(
        _only(load_profile("winnow"), "text.longest_word"), text__longest_word=case["params"]["max_word_length"]
    )
    return _verdict(_first(profile, case["text"]), case)


def _repeated_lines(case: Case) -> Outcome:
    # Unique lines of at least 0.7 of all is at most 0.3 of excess copies.
    return _verdict(_first(_only(load_profile("gopher@datatrove"), "gopher.dup_line_frac"), case["text"]), case)


def _common_words(case: Case) -> Outcome:
    return _verdict(_first(_only(load_profile("gopher@dclm"), "gopher.stop_words"), case["text"]), case)


_RUNNERS: dict[tuple[str, str], Callable[[Case], Outcome]] = {
    ("datatrove", "C4QualityFilter"): _c4,
    ("datatrove", "URLFilter"): _url,
    ("dclm", "repetition_filter"): _repetition,
    ("dclm", "counter_line_modifier"): _counter,
    ("dclm", "citation_removal_modifier"): _citation,
    ("data-juicer", "CleanIpMapper"): _ip,
    ("data-juicer", "WordsNumFilter"): _words,
    ("nemo-curator", "LongWordFilter"): _long_word,
    ("nemo-curator", "RepeatedLinesFilter"): _repeated_lines,
    ("nemo-curator", "CommonEnglishWordsFilter"): _common_words,
}
MAPPED = {
    ("datatrove", "C4QualityFilter"): "profile c4@datatrove-terminal and its edits",
    ("datatrove", "URLFilter"): "profile url@datatrove with the list of the case",
    ("dclm", "repetition_filter"): "profile gopher@dclm with the threshold of the case",
    ("dclm", "counter_line_modifier"): "edit lines.counter: refinedweb@dclm",
    ("dclm", "citation_removal_modifier"): "edit citations: c4@tfds (the same pattern)",
    ("data-juicer", "CleanIpMapper"): "edits pii.ipv4 and pii.ipv6: replace",
    ("data-juicer", "WordsNumFilter"): "winnow's gopher.words_min and gopher.words_max with the limits of the case",
    ("nemo-curator", "LongWordFilter"): "winnow's text.longest_word with the limit of the case",
    ("nemo-curator", "RepeatedLinesFilter"): "gopher@datatrove's gopher.dup_line_frac",
    ("nemo-curator", "CommonEnglishWordsFilter"): "gopher@dclm's gopher.stop_words",
}
