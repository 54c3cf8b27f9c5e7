"""International bank account numbers: country, length and the two check digits (ISO 13616, mod 97)."""

from __future__ import annotations

import re
from functools import cache

from stdnum import iban as checked
from stdnum import numdb

from curate.edits.pii.kinds import Find

_BODY = re.compile(r"[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}", re.IGNORECASE | re.ASCII)
# The examples of the registry of ISO 13616 that documentation repeats.
RESERVED = frozenset({"GB82WEST12345698765432", "GB29NWBK60161331926819", "DE89370400440532013000",
                      "FR1420041010050500013M02606"})  # fmt: skip


def iban(text: str, begin: int, skip_reserved: bool) -> Find | None:
    """The account number that starts here, if its check digits hold."""
    found = _BODY.match(text, begin)
    if not found:
        return None
    compact = "".join(char for char in found.group() if char.isalnum()).upper()
    length = _length(compact[:2])
    if not length or len(compact) < length:
        return None
    value = compact[:length]
    end = begin
    for _ in range(length):
        while not text[end].isalnum():
            end += 1
        end += 1
    if text[end : end + 1].isalnum() or not checked.is_valid(value, check_country=False):
        return None
    if skip_reserved and value in RESERVED:
        return None
    return Find(begin, end, "iban", value)


@cache
def _length(country: str) -> int:
    """How long the numbers of a country are, by the registry that python-stdnum carries; 0 for none."""
    structure = numdb.get("iban").info(country)[0][1].get("bban", "")
    return sum(map(int, re.findall(r"\d+", structure))) + 4 if structure else 0
