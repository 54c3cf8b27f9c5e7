"""Telephone numbers: the shape of a run of digits, the numbering plans of libphonenumber, and the words around it.

Three ways to be one, from the strongest: an international number that its plan allows; a national number that is
written in groups as its country writes it; any plausible group of digits behind a word such as "Tel." Everything that
looks like a date, a book number, a measurement or a price is left.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import phonenumbers
from stdnum import isbn

from curate.edits.phrases import table
from curate.edits.pii import context
from curate.edits.pii.kinds import Find

LEAST_DIGITS = 6
MOST_DIGITS = 15  # ITU-T E.164; with an international prefix in front up to three more
_EXTENSION = re.compile(r"(?:\s?(?:ext\.?|extension|x)\s?|\s?#\s?(?=\d{2,5}\b))\d{1,6}(?!\w)", re.IGNORECASE)
_DATE = re.compile(
    r"(?:1[0-9]|20)\d\d[-./ ]{1,3}(?:0?[1-9]|1[0-2])[-./ ]{1,3}(?:0?[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./ ]{1,3}(?:0?[1-9]|[12]\d|3[01])[-./ ]{1,3}(?:(?:1[89]|20)\d\d|\d\d)(?!\d)"
    r"|(?:1[89]|20)\d\d\s?[-–—/]\s?(?:1[89]|20)\d\d(?!\d)"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?(?!\d)"
)
_YEARS = re.compile(r"(?:(?:1[5-9]|20)\d\d\W{1,3})+(?:(?:1[5-9]|20)\d\d|\d{1,2})")
_DECIMAL = re.compile(r"(?:^|[\s+(-])\d+\.\d+(?=[\s)]|$)|^\d{1,3}(?:\.\d{3})+$")  # 0.5835 or 1.234.567
_VOLUME = re.compile(r"\d+\(\d{1,2}\):?\s?\d+[-–]{1,2}\d+$")  # 10(2) 141--157
_STEP = re.compile(r"\s{2,}|\s?/\s?(?=[+(0\d])|\s[-–—]\s|\s(?=\+)|(?<=\d{4})\s(?=\(\d)|(?<=\d)(?=\+)")
# The written forms of the North American plan, which need no word to vouch for them.
_NANP = re.compile(
    r"(?<![\d.+-])(?:\+?1[-. ]{1,2})?"
    r"(?:\([2-9]\d\d\)[-. ]{0,2}[2-9]\d\d[-. ]\d{4}|[2-9]\d\d(?P<s>[-.])[2-9]\d\d(?P=s)\d{4})(?!\d)"
)
_GROUP = re.compile(r"\d+")
_SCRIPTS_WITHOUT_SPACES = 0x2E80  # from here on letters touch numbers without being part of them


def phones(text: str, begin: int, end: int, digits: int, regions: tuple[str, ...], skip_reserved: bool) -> list[Find]:
    """The telephone numbers in a run of so many digits; `regions` are asked in order for national numbers."""
    if text[begin] == "(" and ")" not in text[begin:end]:
        begin += 1
    run = text[begin:end]
    if digits > MOST_DIGITS + 3 or _STEP.search(run):
        finds = []
        at = 0
        for step in (*_STEP.finditer(run), None):
            stop = step.start() if step else len(run)
            finds += _one(text, begin + at, begin + stop, regions, skip_reserved)
            at = step.end() if step else stop
        if finds or digits > 5 * MOST_DIGITS:
            return finds
    whole = _one(text, begin, end, regions, skip_reserved)
    if whole:
        return whole
    # A form that stands for itself inside of a longer run: "TX 75001 (212) 555-2368".
    return [
        find
        for found in _NANP.finditer(run)
        if found.end() - found.start() < len(run)
        for find in _one(text, begin + found.start(), begin + found.end(), regions, skip_reserved)
    ]


def _one(text: str, begin: int, end: int, regions: tuple[str, ...], skip_reserved: bool) -> list[Find]:
    spelling = text[begin:end]
    groups = _GROUP.findall(spelling)
    digits = "".join(groups)
    if not LEAST_DIGITS <= len(digits) <= MOST_DIGITS + 3:
        return []
    extension = _EXTENSION.match(text, end, end + 16)
    stop = extension.end() if extension else end
    if not _stands_alone(text, begin, stop) or _is_something_else(spelling, groups, digits):
        return []
    label = context.phone_label(text, begin, stop)
    # What is not written in groups is hardly a number to call, unless it is labelled as one.
    named = label == 2 or (label == 1 and len(digits) > 8 - 2 * _grouped(groups))
    if not named and ((len(groups) == 1 and spelling[0] != "+") or context.names_other_number(text, begin)):
        return []
    value = _number(spelling, groups, regions, named)
    if value is None or (skip_reserved and _fictitious(value)):
        return []
    return [Find(begin, stop, "phone", value)]


def _stands_alone(text: str, begin: int, end: int) -> bool:
    """No letter, sign or digit touches the run that makes it part of a word, a path, an amount or a formula."""
    before, after = text[max(0, begin - 2) : begin], text[end : end + 2]
    if before:
        last = before[-1]
        if (last.isalnum() and ord(last) < _SCRIPTS_WITHOUT_SPACES) or last in "_#=@&$€£¥₹%*^~</+":
            return False
        # "Tel.030 1234" and "office,030 1234", but neither "1.030 1234" nor "part-030-1234".
        if last in ".,-" and before[0].isalnum() and (last == "-" or not before[0].isalpha()):
            return False
    if after:
        first = after[0]
        if (first.isalnum() and ord(first) < _SCRIPTS_WITHOUT_SPACES) or first in "_=%°@^*$€£":
            return False
        if (first in ".,:/'" and after[1:].isdecimal()) or (first == "." and after[1:].isalpha()):
            return False
    return True


def _is_something_else(spelling: str, groups: list[str], digits: str) -> bool:
    """A date, a list of years, a decimal number, a row of a table, a book."""
    if _DECIMAL.search(spelling) or len(groups) > 7 or (len(groups) > 3 and len(digits) < 2 * len(groups) - 1):
        return True
    if spelling[0] == "+":
        return False
    if _VOLUME.match(spelling) or _DATE.match(spelling) or _YEARS.fullmatch(spelling) or len(set(digits)) < 3:
        return True
    return len(digits) == 13 and digits[:3] in ("978", "979") and isbn.is_valid(digits)


def _number(spelling: str, groups: list[str], regions: tuple[str, ...], named: bool) -> str | None:
    """The number in E.164 where a plan knows it, else its digits; None when it is no telephone number."""
    digits = "".join(groups)
    grouped = _grouped(groups)
    if spelling.lstrip("(")[:1] == "+":
        value = _valid(f"+{digits}", None)
        # Plans change, so an unassigned number in international form is still one.
        plausible = named or (grouped and digits[0] != "0" and 9 <= len(digits) <= MOST_DIGITS)
        return value or (f"+{digits}" if plausible else None)
    if digits.startswith("00") and len(digits) > 9 and (named or grouped):
        value = _valid(f"+{digits[2:]}", None)
        if value:
            return value
    form = _NANP.fullmatch(spelling) is not None
    if named or grouped:
        for region in regions:
            value = _valid(digits, region)
            if value and (named or form or _written_as(value, groups)):
                return value
    if named:
        return digits if len(digits) <= MOST_DIGITS else None
    return f"+1{digits[-10:]}" if form and regions[:1] in ((), ("US",), ("CA",)) else None


def _grouped(groups: list[str]) -> bool:
    """Written in at least two groups, the last of which has two digits or more."""
    return len(groups) > 1 and len(groups[-1]) > 1


@lru_cache(maxsize=1 << 14)
def _valid(digits: str, region: str | None) -> str | None:
    """E.164 of a number that the plan of its country (of `region`, when it has no country code) has assigned."""
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=1 << 12)
def _groups_of(value: str) -> frozenset[tuple[str, ...]]:
    number = phonenumbers.parse(value)
    forms = (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return frozenset(tuple(_GROUP.findall(phonenumbers.format_number(number, form))) for form in forms)


def _written_as(value: str, groups: list[str]) -> bool:
    """Whether the groups are those in which its country writes the number: at least three, or two after a trunk 0."""
    return len(groups) > 2 - (groups[0][0] == "0") and tuple(groups) in _groups_of(value)


def _fictitious(value: str) -> bool:
    """555-0100 to 555-0199 of every North American area code, set aside for fiction."""
    return bool(re.fullmatch(r"(?:\+1\d{3})?55501\d\d", value))


@cache
def regions(language: str | None, host: str | None) -> tuple[str, ...]:
    """The regions in which a page's national numbers are read: its country domain's, then its language's."""
    known = table("regions")
    suffix = (host or "").rpartition(".")[2].lower()
    country = known["domains"].get(suffix, suffix.upper() if len(suffix) == 2 else "")
    first = (country,) if country in phonenumbers.SUPPORTED_REGIONS else ()
    spoken = known["languages"].get(language or "", ("US", "GB") if language in (None, "und") else ())
    return first + tuple(region for region in spoken if region not in first)
