"""Invented personal data and secrets for the blanks of the pages: valid in form and checksum, belonging to nobody.

Mail domains are invented names under real endings, since detectors may skip `example.com`. Telephone numbers come from
the blocks that regulators set aside for fiction where those pass as valid (Ofcom's 020 7946 0xxx, ARCEP's 01 99 00 xx
xx, the Bundesnetzagentur's 030 23125 xxx). IPv4 addresses lie in a block without public services, IPv6 ones in a block
that IANA has not handed out. Card numbers carry the prefix 4000 00, which no bank issues. National ids are from ranges
not yet given out, or the published example of their format. Secrets are made here rather than written down, so that no
scanner finds one in the repository.
"""

from __future__ import annotations

import base64
import json
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

from curate.sample import draw

FIRST = (
    "alder",
    "briony",
    "corwin",
    "delphine",
    "edda",
    "fenna",
    "gideon",
    "hanne",
    "isolde",
    "jorun",
    "kester",
    "linnea",
)
LAST = (
    "ashgrove",
    "bellweather",
    "coldharbour",
    "drakemoor",
    "elmstead",
    "farthing",
    "greywether",
    "hollins",
    "ibbott",
)
DOMAINS = ("quillmarsh.net", "tarnwick-post.com", "fernhollow-labs.com", "skarra-mail.net", "oddmeadow.org")
GERMAN = ("kleingarten-lohfelde.de", "gruene-parzelle-altwerder.de")
BASE32 = ascii_uppercase + "234567"


def values(seed: int) -> dict[str, tuple[str, str]]:
    """name of a blank -> (kind, value). Kind "" marks what looks like personal data and must be left alone."""
    found: dict[str, tuple[str, str]] = {}
    for place in range(1, 9):
        name = f"{draw.one(FIRST, seed, 'first', place)}.{draw.one(LAST, seed, 'last', place)}"
        found[f"email.{place}"] = ("email", f"{name}@{draw.one(DOMAINS, seed, 'domain', place)}")
    for place in (1, 2):
        found[f"email.de{place}"] = ("email", f"{draw.one(FIRST, seed, 'de', place)}@{GERMAN[place - 1]}")
    found |= {name: ("phone", value) for name, value in _phones(seed).items()}
    found |= {
        "ipv4.1": ("ipv4", _ipv4(seed, 1)),
        "ipv4.2": ("ipv4", _ipv4(seed, 2)),
        "ipv4.3": ("ipv4", _ipv4(seed, 3)),
        "ipv6.1": (
            "ipv6",
            "2d4c:" + ":".join(draw.text("123456789abcdef", 4, seed, "ipv6", part) for part in range(7)),
        ),
        "not.ipv4": ("", "192.168.20.14"),
        "card.1": ("credit_card", _card(seed)),
        "card.test": ("", "4111 1111 1111 1111"),
        "not.card": ("", "4000 0012 3456 7890"),  # fails the checksum
        "us_ssn.1": ("us_ssn", "536-90-4399"),
        "national_id.de": ("national_id", "36 574 261 809"),
        "national_id.gb": ("national_id", _nhs(seed)),
        "national_id.es": ("national_id", _dni(seed)),
    }
    found |= {f"iban.{land.lower()}": ("iban", value) for land, value in _ibans(seed).items()}
    found |= _secrets(seed)
    return found


def _phones(seed: int) -> dict[str, str]:
    return {
        "phone.uk": f"020 7946 0{draw.number(800, seed, 'uk') + 100}",
        "phone.uk2": f"+44 20 7946 0{draw.number(800, seed, 'uk2') + 100}",
        "phone.uk3": f"(020) 7946 0{draw.number(800, seed, 'uk3') + 100}",
        "phone.us": f"(802) 555-{draw.number(7000, seed, 'us') + 2200}",
        "phone.fr": f"+33 1 99 00 {draw.number(80, seed, 'fr') + 10} {draw.number(80, seed, 'fr2') + 10}",
        "phone.de": f"030 23125{draw.number(900, seed, 'de') + 100}",
    }


def _ipv4(seed: int, place: int) -> str:
    return ".".join(["25", *(str(draw.number(240, seed, "ipv4", place, part) + 4) for part in range(3))])


def _luhn(body: str) -> int:
    """The last digit that makes `body` pass ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return -sum(value // 10 + value % 10 for value in doubled) % 10


def _card(seed: int) -> str:
    body = "400000" + draw.text(digits, 9, seed, "card")
    number = f"{body}{_luhn(body)}"
    return " ".join(number[at : at + 4] for at in range(0, 16, 4))


def _nhs(seed: int) -> str:
    """A number of the English health service in the range kept for tests (999), weights 10 to 2, modulo 11."""
    for attempt in range(100):
        body = "999" + draw.text(digits, 6, seed, "nhs", attempt)
        check = -sum(int(digit) * weight for digit, weight in zip(body, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            return f"{body[:3]} {body[3:6]} {body[6:]}{check}"
    raise AssertionError("one in eleven fails")


def _dni(seed: int) -> str:
    body = f"99{draw.text(digits, 6, seed, 'dni')}"
    return body + "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23]


def _iban(land: str, account: str) -> str:
    """ISO 13616: the two check digits make the rearranged number 1 modulo 97. In groups of four."""
    as_number = int("".join(str(int(sign, 36)) for sign in f"{account}{land}00"))
    whole = f"{land}{98 - as_number % 97:02d}{account}"
    return " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def _ibans(seed: int) -> dict[str, str]:
    french = "99999" + "99999" + draw.text(digits, 11, seed, "fr-account")  # bank, branch, account; then the RIB key
    key = 97 - (89 * 99999 + 15 * 99999 + 3 * int(french[10:])) % 97
    return {
        "GB": _iban("GB", "QUIL" + "999999" + draw.text(digits, 8, seed, "gb-account")),
        "DE": _iban("DE", "99999999" + draw.text(digits, 10, seed, "de-account")),
        "NL": _iban("NL", "QUIL" + _dutch(seed)),
        "FR": _iban("FR", f"{french}{key:02d}"),
    }


def _dutch(seed: int) -> str:
    """Ten digits that pass the Dutch elfproef: weights 10 to 1, modulo 11."""
    for attempt in range(100):
        body = "0" + draw.text(digits, 8, seed, "nl-account", attempt)
        check = -sum(int(digit) * weight for digit, weight in zip(body, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            return f"{body}{check}"
    raise AssertionError("one in eleven fails")


def _secrets(seed: int) -> dict[str, tuple[str, str]]:
    token = ascii_letters + digits
    claims = [{"alg": "HS256", "typ": "JWT"}, {"sub": "weather", "iat": 1712800000, "scope": "ingest"}]
    parts = [base64.urlsafe_b64encode(json.dumps(claim).encode()).rstrip(b"=").decode() for claim in claims]
    secrets = {
        "key.aws": "AKIA" + draw.text(BASE32, 16, seed, "aws"),
        "key.aws2": "AKIA" + draw.text(BASE32, 16, seed, "aws2"),
        "key.aws_secret": draw.text(token + "+/", 40, seed, "aws-secret"),
        "key.github": "ghp_" + draw.text(token, 36, seed, "github"),
        "key.slack": f"xoxb-{draw.text('123456789', 12, seed, 'slack')}-{draw.text('123456789', 12, seed, 'slack2')}-"
        + draw.text(token, 24, seed, "slack3"),
        "key.stripe": "sk_live_" + draw.text(token, 24, seed, "stripe"),
        "key.jwt": ".".join([*parts, draw.text(token + "-_", 43, seed, "jwt")]),
    }
    found = {name: ("api_key", value) for name, value in secrets.items()}
    password = draw.text(ascii_lowercase + digits, 14, seed, "password")
    found["url_credentials"] = ("url_credentials", f"ingest:{password}")
    found["private_key"] = ("private_key", _private_key(seed))
    return found


def _private_key(seed: int) -> str:
    frame = "-----{} RSA PRIVATE KEY-----"
    body = draw.text(ascii_letters + digits + "+/", 64 * 12 + 40, seed, "private-key")
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join([frame.format("BEGIN"), *lines, frame.format("END")])
