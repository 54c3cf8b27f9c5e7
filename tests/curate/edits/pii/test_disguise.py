"""Look-alikes: the same format, derived from the value, and of no one."""

import re
from collections.abc import Callable

import pytest
from stdnum import iban, luhn

from curate.edits import EditsConfig
from curate.edits.edit import edit
from curate.edits.pii.kinds import KINDS

KEY = b"0123456789abcdef"
EXAMPLES = {
    "email": ("Jane.Roe7@firm.com", r"[a-z]{4}\.[a-z]{3}\d@example\.(com|net|org)"),
    "ipv4": ("86.121.97.248", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}"),
    "ipv6": ("2a00:1450:4001:81b::200e", r"2001:db8(:[0-9a-f]{1,4}){6}"),
    "phone": ("+1 (212) 736-5000", r"\+1 \(212\) 555-01\d\d"),
    "us_ssn": ("536-32-3065", r"9\d\d-[0-4]\d-\d{4}"),
    "credit_card": ("4929 0499 4120 6325", r"4\d{3} \d{4} \d{4} \d{4}"),
    "iban": ("GB75 RKJD 4604 9068 8756 86", r"GB\d\d [A-Z]{4} \d{4} \d{4} \d{4} \d\d"),
    "api_key": ("AKIA" + "Q3EGSLKMFVBTD5XZ", r"AKIA[A-Z0-9]{9}EXAMPLE"),
    "url_credentials": ("http://bob:s3cre7@h.org", "http://<URL_CREDENTIALS>@h.org"),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_format_and_repetition(configured: Callable[..., EditsConfig], kind: str) -> None:
    value, form = EXAMPLES[kind]
    config = configured(pii={kind: "surrogate"})
    one, two = edit([f"a {value} b", f"{value}"], ["en"] * 2, config, KEY).texts
    assert re.fullmatch(f"a {form} b", one)
    assert two == one[2:-2] != value
    assert edit([value], ["en"], config, KEY[::-1]).texts[0] != two or kind == "url_credentials"


def test_check_digits_do_not_hold(configured: Callable[..., EditsConfig]) -> None:
    config = configured(pii={"credit_card": "surrogate", "iban": "surrogate"})
    for number in range(40):
        card = f"4929{number:011d}"
        account = f"{number:018d}"
        account = f"DE{iban.calc_check_digits('DE00' + account)}{account}"
        text = f"card {card}{luhn.calc_check_digit(card)}\n{account}"
        first, second = edit([text], ["en"], config, KEY).texts[0].removeprefix("card ").split("\n")
        assert (first, second) != tuple(text.removeprefix("card ").split("\n"))
        assert not luhn.is_valid(first)
        assert not iban.is_valid(second, check_country=False)


def test_other_phones_keep_their_beginning(configured: Callable[..., EditsConfig]) -> None:
    (text,) = edit(["Tel. +49 30 901820"], ["de"], configured(pii={"phone": "surrogate"}), KEY).texts
    assert re.fullmatch(r"Tel\. \+49 30 \d{6}", text)
    assert text != "Tel. +49 30 901820"


@pytest.mark.parametrize("action", ["replace", "surrogate"])
@pytest.mark.parametrize("kind", sorted(set(EXAMPLES) - {"phone"}))
def test_what_is_put_in_is_not_found_again(configured: Callable[..., EditsConfig], kind: str, action: str) -> None:
    config = configured(pii=dict.fromkeys(KINDS, action))
    once = edit([f"The value {EXAMPLES[kind][0]} is here."], ["en"], config, KEY)
    assert len(once.edits) == 1
    assert edit(once.texts, ["en"], config, KEY).edits == []
