"""E-mail addresses, written plainly or spelt out: "jane@uni.edu", "jane (at) uni (dot) edu"."""

from __future__ import annotations

import re
from functools import cache

from curate.edits.phrases import DATA
from curate.edits.pii.kinds import Find

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = rf"(?:{_LABEL}\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{{2,24}})"
_AFTER_AT = re.compile(_DOMAIN)
# In ASCII first: "邮箱jane@uni.edu" has no Chinese local part, "почта@пример.рф" has a Cyrillic one.
_BEFORE_AT = (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+%'&~*=/-]{0,63}$"), re.compile(r"\w[\w.+%'-]{0,63}$"))
_OPEN, _CLOSE = r"[\[({<]\s?", r"\s?[\])}>]"
_DOT = rf"(?:\.|\s?{_OPEN}(?:dot|punkt|punto|point|ponto|\.){_CLOSE}\s?|\s(?:dot|DOT)\s)"
_SPELT = re.compile(
    rf"(?<![\w.+-])(?P<local>[A-Za-z0-9][A-Za-z0-9.+_-]{{0,63}}(?:{_DOT}[A-Za-z0-9_-]{{1,30}})?)"
    rf"(?:\s?{_OPEN}(?:at|ät|arroba|@){_CLOSE}\s?|\s(?:at|AT)\s(?=[\w-]+\s(?:dot|DOT)\s))"
    rf"(?P<domain>(?:[A-Za-z0-9-]{{1,63}}{_DOT}){{1,4}}[A-Za-z]{{2,24}})(?![\w-])",
    re.IGNORECASE,
)
_DOTS = re.compile(_DOT, re.IGNORECASE)
# `git@host:path` and `git@host/path` name a repository, not a person.
_REPOSITORY_USERS = frozenset({"git", "hg", "svn", "bzr", "cvs", "anonymous", "root"})
# RFC 2606, RFC 6761, RFC 6762
SPECIAL = frozenset({"example", "invalid", "test", "localhost", "local"})
_RESERVED = re.compile(rf"(?:^|\.)(?:example\.(?:com|net|org|edu)|{'|'.join(sorted(SPECIAL))})$", re.IGNORECASE)


@cache
def _top_level() -> frozenset[str]:
    """The top-level domains there are, so that `icon@2x.png` and `obj@Foo.Bar` are no addresses."""
    return SPECIAL | set((DATA / "tlds.txt").read_text("utf-8").split())


def plain(text: str, at: int, skip_reserved: bool) -> Find | None:
    """The address around the "@" at this offset, if there is one."""
    after = _AFTER_AT.match(text, at + 1)
    if not after:
        return None
    domain = _known_domain(after.group())
    if not domain:
        return None
    end = at + 1 + len(domain)
    window = text[max(0, at - 65) : at]
    for before in _BEFORE_AT:
        found = before.search(window)
        if found:
            break
    else:
        return None
    local = found.group().rsplit("=", 1)[-1].rsplit("/", 1)[-1].lstrip(".+%'&~*-")
    start = at - len(local)
    if not local or local.endswith(".") or ".." in local or text[max(0, start - 3) : start] == "://":
        return None
    if text[start - 1 : start] == "@" or text[end : end + 1] == "@":
        return None  # handles of federated networks: @jane@instance.social
    if local.lower() in _REPOSITORY_USERS and re.match(r":[^\s]|/", text[end : end + 2]):
        return None
    return _found(start, end, local, domain, skip_reserved)


def spelt(text: str, around: int, skip_reserved: bool) -> Find | None:
    """The address spelt out around this offset (the end of an "(at)" or a " dot "), if there is one."""
    for found in _SPELT.finditer(text, max(0, around - 120), around + 120):
        if found.start() <= around <= found.end():
            domain = _known_domain(_DOTS.sub(".", found["domain"]))
            if domain:
                return _found(found.start(), found.end(), _DOTS.sub(".", found["local"]), domain, skip_reserved)
    return None


def _known_domain(domain: str) -> str:
    """The domain up to its last known top-level label: of `uni.edu.Then` it is `uni.edu`."""
    labels = domain.split(".")
    while len(labels) > 1 and labels[-1].lower() not in _top_level():
        labels.pop()
    return ".".join(labels) if len(labels) > 1 else ""


def _found(start: int, end: int, local: str, domain: str, skip_reserved: bool) -> Find | None:
    if skip_reserved and _RESERVED.search(domain):
        return None
    return Find(start, end, "email", f"{local}@{domain}".lower())
