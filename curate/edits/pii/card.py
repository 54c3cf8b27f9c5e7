"""Payment card numbers: issuer range, length and the Luhn digit (ISO/IEC 7812-1)."""

from __future__ import annotations

import re

from stdnum import luhn

from curate.edits.pii import context
from curate.edits.pii.kinds import Find

LEAST_DIGITS = 12
_GROUPED = r"\d{4}(?P<a>[ -])\d{4}(?P=a)\d{4}(?P=a)\d{4}(?:(?P=a)\d{3})?|\d{4}(?P<b>[ -])\d{6}(?P=b)\d{4,5}"
_SHAPE = re.compile(rf"(?<![\w.,/=+#&@-])(?:{_GROUPED}|\d{{12,19}})(?![\w%]|[.,/=-]\d)", re.ASCII)
# The lengths that a number with this beginning can have.
ISSUERS: tuple[tuple[str, frozenset[int]], ...] = tuple(
    (prefix, frozenset(lengths))
    for prefixes, lengths in (
        ("4", (13, 16, 19)),  # Visa
        ("51 52 53 54 55", (16,)),  # Mastercard
        (" ".join(str(n) for n in (*range(2221, 2721),)), (16,)),
        ("34 37", (15,)),  # American Express
        ("6011 644 645 646 647 648 649 65", (16, 17, 18, 19)),  # Discover
        ("300 301 302 303 304 305 3095 36 38 39", (14, 15, 16, 17, 18, 19)),  # Diners Club
        (" ".join(str(n) for n in range(3528, 3590)), (16, 17, 18, 19)),  # JCB
        ("1800 2131", (15,)),  # JCB, before 16 digits
        ("50 56 57 58 60 61 63 66 67 68 69", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
        ("62 81", (16, 17, 18, 19)),  # UnionPay
        ("2200 2201 2202 2203 2204", (16, 17, 18, 19)),  # Mir
    )
    for prefix in prefixes.split()
)
_LENGTHS = dict(ISSUERS)
# Numbers that payment processors publish for tests.
RESERVED = frozenset(
    {
        *("4111111111111111", "4242424242424242", "4012888888881881", "4222222222222", "4000056655665556"),
        *("5555555555554444", "5105105105105100", "2223003122003222", "6011111111111117", "6011000990139424"),
        *("378282246310005", "371449635398431", "378734493671000", "30569309025904", "38520000023237"),
        *("3566002020360505", "3530111333300000"),
    }
)


def card(text: str, begin: int, end: int, skip_reserved: bool) -> list[Find]:
    """The card numbers in a run of digits. A bare run of an unusual length counts only behind a word for a card."""
    finds = []
    for found in _SHAPE.finditer(text, begin, min(len(text), end + 2)):
        number = re.sub(r"\D", "", found.group())
        if found.end() > end or not _issued(number) or not luhn.is_valid(number) or len(set(number)) < 3:
            continue
        if skip_reserved and number in RESERVED:
            continue
        usual = len(number) in (15, 16) or found.lastgroup is not None
        if context.names_card(text, found.start()) or (usual and not context.names_other_number(text, found.start())):
            finds.append(Find(found.start(), found.end(), "credit_card", number))
    return finds


def _issued(number: str) -> bool:
    return any(len(number) in _LENGTHS.get(number[:width], ()) for width in (4, 3, 2, 1))
