"""Invented personal data that checkers take for genuine."""

from __future__ import annotations

import ipaddress

import phonenumbers
import pytest
from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.gb import nhs
from stdnum.us import ssn

from curate.sample.build import truth
from curate.sample.personal import values

KINDS = {
    "email", "phone", "ipv4", "ipv6", "credit_card", "iban", "us_ssn", "national_id", "api_key", "private_key",
    "url_credentials",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_values_pass_the_checks_of_their_kind(seed: int) -> None:
    found = values(seed)
    for name, (kind, value) in found.items():
        if kind == "iban":
            assert iban.is_valid(value), value
        elif kind == "credit_card":
            assert luhn.is_valid(value.replace(" ", "")), value
        elif kind in ("ipv4", "ipv6"):
            assert ipaddress.ip_address(value).is_global, value
        elif kind == "phone":
            region = {"uk": "GB", "us": "US", "fr": "FR", "de": "DE"}[name[6:8]]
            assert phonenumbers.is_valid_number(phonenumbers.parse(value, region)), value
    assert ssn.is_valid(found["us_ssn.1"][1])
    assert idnr.is_valid(found["national_id.de"][1])
    assert nhs.is_valid(found["national_id.gb"][1])
    assert dni.is_valid(found["national_id.es"][1])


def test_what_must_be_left_alone_is_not_personal() -> None:
    found = values(0)
    assert not luhn.is_valid(found["not.card"][1].replace(" ", ""))
    assert ipaddress.ip_address(found["not.ipv4"][1]).is_private


def test_the_seed_decides_the_values() -> None:
    assert values(3) == values(3)
    assert values(3)["email.1"] != values(4)["email.1"] or values(3)["card.1"] != values(4)["card.1"]


def test_every_kind_is_planted_and_stands_in_the_text() -> None:
    planted = [known for known in truth() if known.pii]
    assert {kind for known in planted for kind, _ in known.pii} == KINDS
    for known in planted:
        text = "\n".join(known.text)
        assert all(value in text for _, value in known.pii)
        assert all(value in text for value in known.untouched)
