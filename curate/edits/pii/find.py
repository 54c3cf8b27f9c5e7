"""All personal data of a batch: the scan gives the places, each family looks at its own, overlaps are settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from curate.edits.automaton import Hits
from curate.edits.config import PiiActions
from curate.edits.pii import address, bank, card, email, national, phone, secrets
from curate.edits.pii.candidates import Candidates
from curate.edits.pii.kinds import KINDS, Find, settled
from curate.edits.triggers import Bell

# Kinds that live in runs of digits; the scan for these is left out when all of them are off.
NUMERIC = ("phone", "ipv4", "ipv6", "credit_card", "iban", "us_ssn")


def bells(actions: PiiActions) -> int:
    """The bits of the automaton whose places the kinds that are on need."""
    wanted = 0
    for kind, heard in (
        ("email", (Bell.AT, Bell.SPELT_AT)),
        ("url_credentials", (Bell.AT,)),
        ("api_key", (Bell.SECRET,)),
        ("private_key", (Bell.PEM,)),
        ("us_ssn", (Bell.SSN,)),
        ("national_id", tuple(range(Bell.FIRST_ID, Bell.FIRST_ID + national.scheme_count()))),
    ):
        if getattr(actions, kind) != "off":
            wanted |= sum(1 << bell for bell in heard)
    return wanted


def find(texts: Sequence[str], languages: Sequence[str | None], hosts: Sequence[str | None], hits: Hits,
         places: Candidates | None, actions: PiiActions) -> dict[int, list[Find]]:  # fmt: skip
    """The finds of each document that has any, without overlaps, sorted."""
    on = frozenset(kind for kind in KINDS if getattr(actions, kind) != "off")
    found: defaultdict[int, list[Find]] = defaultdict(list)
    skip, public = actions.skip_reserved, actions.public_ips_only
    for doc, end, bits in zip(hits.doc.tolist(), hits.end.tolist(), hits.bits.tolist(), strict=True):
        found[doc] += _heard(texts[doc], end, bits, on, skip)
    if places is not None:
        runs = _rows(*(getattr(places, f"run_{name}") for name in ("doc", "begin", "end", "digits", "groups", "dots")))
        for doc, begin, end, digits, groups, dots in runs:
            text = texts[doc]
            if "credit_card" in on and digits >= card.LEAST_DIGITS:
                found[doc] += card.card(text, begin, end, skip)
            if "us_ssn" in on and digits >= national.SSN_DIGITS and groups > 2:
                found[doc] += national.us_ssn(text, begin, end, skip)
            if "ipv4" in on and dots >= 3:
                found[doc] += address.ipv4(text, begin, end, public, skip)
            # Two groups and a point between them are a decimal number.
            if "phone" in on and digits >= phone.LEAST_DIGITS and not groups == dots + 1 == 2:
                found[doc] += phone.phones(text, begin, end, digits, phone.regions(languages[doc], hosts[doc]), skip)
        if "ipv6" in on:
            for doc, begin, end in _rows(places.colon_doc, places.colon_begin, places.colon_end):
                found[doc] += address.ipv6(texts[doc], begin, end, public, skip)
        if "iban" in on:
            for doc, begin in _rows(places.iban_doc, places.iban_begin):
                account = bank.iban(texts[doc], begin, skip)
                found[doc] += [account] if account else []
    return {doc: settled(finds) for doc, finds in sorted(found.items()) if finds}


def _rows(*columns: np.ndarray) -> Iterable[tuple[int, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)


def _heard(text: str, end: int, bits: int, on: frozenset[str], skip: bool) -> list[Find]:
    """What is behind a phrase that ends here."""
    finds: list[Find | None] = []
    if bits >> Bell.AT & 1:
        if "url_credentials" in on:
            finds += secrets.url_credentials(text, end - 1, skip)
        if "email" in on:
            finds.append(email.plain(text, end - 1, skip))
    if bits >> Bell.SPELT_AT & 1:
        finds.append(email.spelt(text, end, skip))
    if bits >> Bell.SECRET & 1:
        finds += secrets.api_key(text, end, skip)
    if bits >> Bell.PEM & 1:
        finds += secrets.private_key(text, end)
    if bits >> Bell.SSN & 1:
        finds += national.us_ssn_named(text, end, skip)
    schemes = bits >> Bell.FIRST_ID
    while schemes:
        finds += national.named(text, end, (schemes & -schemes).bit_length() - 1)
        schemes &= schemes - 1
    return [find for find in finds if find]
