"""What is kept of a personal value: a keyed digest, and a look-alike that leads to no one.

Both depend on the value and the run's key alone, never on the order of documents: the same address becomes the same
digest and the same look-alike everywhere in a run, and nobody without the key can test a guess.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from hashlib import blake2b

from stdnum import iban, luhn

from curate.edits.pii.kinds import Find, token

DIGEST_BYTES = 16
LEAST_KEY_BYTES = 16


def checked_key(key: bytes) -> bytes:
    """The key in the size that blake2b takes. Raises ValueError for one too short to keep anything secret."""
    if len(key) < LEAST_KEY_BYTES:
        raise ValueError(f"the key of the digests has {len(key)} bytes, needs at least {LEAST_KEY_BYTES}")
    return key if len(key) <= blake2b.MAX_KEY_SIZE else blake2b(key).digest()


def digest(find: Find, key: bytes) -> str:
    """Keyed hash of the kind and the normalised value, in hexadecimal."""
    return blake2b(_what(find), key=key, digest_size=DIGEST_BYTES, person=b"winnow.digest").hexdigest()


def surrogate(find: Find, spelling: str, key: bytes) -> str:
    """A look-alike of a find as it is spelt in the text: same format, other content, of a range that no one owns where
    there is one (example.com, documentation networks, 555-01xx numbers, check digits that do not hold)."""
    noise = _noise(find, key)
    match find.kind:
        case "email":
            local = find.value.partition("@")[0]
            return f"{_like(local, noise)}@example.{('com', 'net', 'org')[next(noise) % 3]}"
        case "ipv4":
            return f"{('192.0.2', '198.51.100', '203.0.113')[next(noise) % 3]}.{next(noise) % 254 + 1}"
        case "ipv6":
            return "2001:db8:" + ":".join(f"{next(noise) << 8 | next(noise):x}" for _ in range(6))
        case "phone":
            return _phone(find, spelling, noise)
        case "us_ssn":
            return _into(spelling, f"9{_digits(2, noise)}{next(noise) % 49 + 1:02d}{_digits(4, noise)}")
        case "credit_card":
            digits = find.value[0] + _digits(len(find.value) - 2, noise)
            return _into(spelling, digits + str((int(luhn.calc_check_digit(digits)) + 1 + next(noise) % 9) % 10))
        case "iban":
            body = find.value[:2] + "00" + _like(find.value[4:].lower(), noise).upper()
            wrong = (int(iban.calc_check_digits(body)) - 1 + next(noise) % 90) % 97 + 2  # never the right ones
            return _into(spelling, f"{body[:2]}{wrong:02d}{body[4:]}")
        case "api_key":
            return spelling[:4] + _like(spelling[4:-7], noise) + "EXAMPLE"
        case "national_id":
            return _like(spelling, noise)
        case _:
            return token(find.kind)


def _phone(find: Find, spelling: str, noise: Iterator[int]) -> str:
    """The first digits (country, trunk, area) stay; the rest is noise; in the North American plan 555-01xx."""
    digits = [char for char in spelling if char.isdecimal()]
    if find.value.startswith("+1") and len(find.value) == 12:
        local = f"55501{_digits(2, noise)}"
        at = next(i for i in range(len(digits)) if "".join(digits[i:]).startswith(find.value[5:]))
        return _into(spelling, "".join(digits[:at]) + local + "".join(digits[at + 7 :]))
    kept = min(4, len(digits) // 2)
    return _into(spelling, "".join(digits[:kept]) + _digits(len(digits) - kept, noise))


def _what(find: Find) -> bytes:
    return f"{find.kind}\0{find.value}".encode("utf-8", "surrogatepass")


def _noise(find: Find, key: bytes) -> Iterator[int]:
    """Bytes without end, drawn from the value and the key."""
    block = 0
    while True:
        yield from blake2b(_what(find), key=key, salt=block.to_bytes(4, "little"), person=b"winnow.alike").digest()
        block += 1


def _digits(count: int, noise: Iterator[int]) -> str:
    return "".join(str(next(noise) % 10) for _ in range(count))


def _like(spelling: str, noise: Iterator[int]) -> str:
    """Letters for letters, digits for digits, everything else as it is."""
    drawn = []
    for char in spelling:
        if char.isdecimal():
            drawn.append(str(next(noise) % 10))
        elif char.isalpha():
            alphabet = string.ascii_uppercase if char.isupper() else string.ascii_lowercase
            drawn.append(alphabet[next(noise) % 26])
        else:
            drawn.append(char)
    return "".join(drawn)


def _into(spelling: str, compact: str) -> str:
    """The characters of a compact number in the places of the letters and digits of a spelling."""
    fresh = iter(compact)
    return "".join(next(fresh, char) if char.isalnum() else char for char in spelling)
