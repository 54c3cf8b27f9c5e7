"""Secrets: keys of services by their published form, private keys, and passwords inside of URLs."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache

from curate.edits.phrases import table
from curate.edits.pii.kinds import Find

_LONGEST_KEY_BLOCK = 20_000
_PEM_HEAD = re.compile(r"-----BEGIN ((?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?)-----")
_PEM_BODY = re.compile(r"(?:\s*[A-Za-z0-9+/=]{16,}(?![^\s]))+")
_USERINFO = re.compile(r"(?<=://)[^\s/:@?#<>\"'\[\](){}$]{0,64}:[^\s/@<>\"'(){}$]{1,128}@(?=[\w\[.-])")
_PLACEHOLDER = re.compile(
    r"example|x{6}|\*{3}|\.{3}|0{8}|123456|abcdef|your|placeholder|redacted|dummy|sample|changeme|foobar", re.IGNORECASE
)
_PLACEHOLDER_LOGINS = re.compile(
    r"(?:user(?:name)?|usr|login|name|me|admin|root|foo|your\w*|my\w*|postgres|guest)?:"
    r"(?:pass(?:word|wd|phrase)?|passw0rd|pwd|pw|secret|token|key|bar|your\w*|my\w*|x+|\*+|\.+|admin|root|postgres|guest|)",
    re.IGNORECASE,
)


@cache
def _keys() -> dict[str, list[tuple[re.Pattern[str], float]]]:
    keys: dict[str, list[tuple[re.Pattern[str], float]]] = {}
    for row in table("secrets")["secrets"]:
        pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{row['pattern']})(?![A-Za-z0-9_])")
        keys.setdefault(row["prefix"], []).append((pattern, row["entropy"]))
    return keys


def api_key(text: str, heard: int, skip_reserved: bool) -> list[Find]:
    """The key whose prefix ends at `heard`, if all of it is there and its random part looks random."""
    head = text[max(0, heard - 32) : heard].lower()
    for prefix, patterns in _keys().items():
        if not head.endswith(prefix):
            continue
        for pattern, least in patterns:
            # A few forms have their prefix in the middle ("123456789:AA..."), so begin a little before it.
            for found in pattern.finditer(text, max(0, heard - len(prefix) - 12), min(len(text), heard + 512)):
                if found.start() <= heard <= found.end() and _entropy(found["body"]) >= least:
                    if skip_reserved and _PLACEHOLDER.search(found["body"]):
                        return []
                    part = "value" if "value" in pattern.groupindex else 0
                    return [Find(*found.span(part), "api_key", found[part])]
    return []


def _entropy(text: str) -> float:
    """Shannon entropy in bits per character, of the text's own characters."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def private_key(text: str, heard: int) -> list[Find]:
    """The PEM or PGP block whose "-----BEGIN" ends at `heard`; without its end mark, the key lines that follow."""
    head = _PEM_HEAD.match(text, heard - len("-----BEGIN"))
    if not head:
        return []
    tail = f"-----END {head[1]}-----"
    end = text.find(tail, head.end(), head.end() + _LONGEST_KEY_BLOCK)
    if end >= 0:
        return [Find(head.start(), end + len(tail), "private_key", text[head.end() : end].strip())]
    body = _PEM_BODY.match(text, head.end(), head.end() + _LONGEST_KEY_BLOCK)
    return [Find(head.start(), body.end(), "private_key", body.group().strip())] if body else []


def url_credentials(text: str, at: int, skip_reserved: bool) -> list[Find]:
    """The "user:password" of a URL before the "@" at this offset."""
    head = text.rfind("://", max(0, at - 200), at)
    found = _USERINFO.match(text, head + 3) if head >= 0 else None
    if not found or found.end() != at + 1:
        return []
    login = found.group()[:-1]
    if skip_reserved and (_PLACEHOLDER_LOGINS.fullmatch(login) or _PLACEHOLDER.search(login)):
        return []
    return [Find(found.start(), at, "url_credentials", login)]
