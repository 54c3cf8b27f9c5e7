"""National numbers of persons: the US social security number, and the schemes of data/national_ids.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import NamedTuple

from stdnum.us import ssn

from curate.edits.phrases import phrases, table
from curate.edits.pii.kinds import Find

SSN_DIGITS = 9
REACH = 60  # code points behind the naming word in which the number must begin
# Numbers used in advertisements, never issued to a person (Social Security Administration).
RESERVED_SSN = frozenset({"078051120", "219099999", "123456789"})

# What would make a naming word a part of another; words of scripts without spaces touch their neighbours.
_LETTER = r"[^\W\u0e00-\u0eff\u2e80-\U0010ffff]"
_SSN = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])", re.ASCII)
_SSN_NAMED = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}[ -]?(?!00)\d{2}[ -]?(?!0000)\d{4}(?![\w-])", re.ASCII)


class Scheme(NamedTuple):
    """One national number: how it is called, what it looks like, who validates it."""

    name: str
    named: re.Pattern[str]
    number: re.Pattern[str]
    is_valid: Callable[[str], bool] | None


def scheme_count() -> int:
    """How many schemes there are: each has a bell of its own."""
    return len(table("national_ids")["national_ids"])


@cache
def scheme(number: int) -> Scheme:
    """One scheme by its place among the bells, compiled when its word is first heard: most runs hear few of them."""
    return _scheme(**table("national_ids")["national_ids"][number])


def _scheme(name: str, module: str, context: str, digits: int = 0, pattern: str = "") -> Scheme:
    pattern = pattern or rf"\d(?:[ \u00a0./-]?\d){{{digits - 1}}}"
    words = "|".join(sorted(map(re.escape, phrases(context)), key=len, reverse=True))
    return Scheme(
        name,
        re.compile(rf"(?<!{_LETTER})(?:{words})(?!{_LETTER})", re.IGNORECASE),
        re.compile(rf"(?<![\w./-])(?:{pattern})(?![\w/-])", re.IGNORECASE),
        None if module == "none" else import_module(module).is_valid,
    )


def us_ssn(text: str, begin: int, end: int, skip_reserved: bool) -> list[Find]:
    """Numbers in the written form 123-45-6789, which nothing else has, in a run of digits."""
    found = (found for found in _SSN.finditer(text, begin, min(len(text), end + 1)) if found.end() <= end)
    return [find for find in (_ssn(match, skip_reserved) for match in found) if find]


def us_ssn_named(text: str, around: int, skip_reserved: bool) -> list[Find]:
    """Any written form, behind a word that names it; `around` is where the word ends."""
    found = _SSN_NAMED.search(text, around, min(len(text), around + REACH))
    find = found and _ssn(found, skip_reserved)
    return [find] if find else []


def _ssn(found: re.Match[str], skip_reserved: bool) -> Find | None:
    number = re.sub(r"\D", "", found.group())
    if skip_reserved and number in RESERVED_SSN:
        return None
    return Find(found.start(), found.end(), "us_ssn", number) if ssn.is_valid(number) else None


def named(text: str, around: int, number: int) -> list[Find]:
    """The valid number of one scheme behind the word for it; `around` is where the word ends."""
    one = scheme(number)
    # The automaton hears phrases inside of words too.
    if not any(word.end() == around for word in one.named.finditer(text, max(0, around - 60), around + 1)):
        return []
    for found in one.number.finditer(text, around, min(len(text), around + REACH)):
        value = re.sub(r"[^\w]", "", found.group()).upper()
        if len(set(value)) > 2 and (one.is_valid is None or one.is_valid(found.group())):
            return [Find(found.start(), found.end(), "national_id", f"{one.name}:{value}")]
    return []
