"""Addresses as the comparison reads them: one form for all addresses under which the same page is usually served.

Left out: the difference of http and https, user names, a leading `www`, default ports, fragments (but not `#!`, which
chooses a page), tracking parameters and session ids (`data/urls.yaml`), default documents, closing and doubled slashes.
One form for: percent-encoding (RFC 3986, 6.2.2), dot segments, `+` and `%20` in a query, the order of parameters (those
of one name keep theirs), letter case of hosts and their international names. What may choose content stays, letter
case of paths above all. What is no http address is compared as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from curate.duplicates.normal import hashed

_PARTS = re.compile(r"(?i:https?):[/\\]{2}([^/\\?#]*)([^?#]*)(?:\?([^#]*))?(?:#(!?.*))?", re.DOTALL)
_HOST = re.compile(r"[\w.-]+|\[[0-9a-f:.]+\]")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # what separates labels (RFC 3490, 3.1)
_PORT = re.compile(r"(?::([0-9]*))?")
# Letters that the codec `idna` (the standard of 2003) maps to others, though they make different names since 2008.
_DEVIATIONS = re.compile("[ßς\u200c\u200d]")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})|([^A-Za-z0-9._~!$&'()*+,;=:@/?-])")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SESSION_VALUE = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-z]{26}", re.IGNORECASE)
_SESSION_SEGMENT = re.compile(r"\((?:[A-Z]\([A-Za-z0-9_-]{20,}\))+\)")  # ASP.NET without cookies: /(S(...))/


class _Lists(NamedTuple):
    dropped: frozenset[str]
    prefixes: tuple[str, ...]
    by_value: frozenset[str]
    documents: frozenset[str]


def normalise_url(url: str | None) -> str | None:
    """The address in its one form (normalising it again changes nothing); None where there is none."""
    url = (url or "").strip()
    found = _PARTS.fullmatch(url)
    host = _host(found[1]) if found else None
    if found is None or host is None:
        return url or None
    path, query, fragment = found.groups("")[1:]
    out = "http://" + host + _path(_percent(path.replace("\\", "/")))
    if kept := _query(_percent(query.replace("+", "%20"))):
        out += "?" + kept
    if fragment.startswith("!") and len(fragment) > 1:
        out += "#" + _percent(fragment)
    return out


def url_keys(urls: Sequence[str | None]) -> NDArray[np.uint64]:
    """128-bit hash of each normalised address, uint64[urls, 2] (high half first); zeros where there is none."""
    keys = np.zeros((len(urls), 2), dtype=np.uint64)
    for row, url in enumerate(urls):
        normal = normalise_url(url)
        if normal is not None:
            keys[row] = hashed(normal.encode("utf-8", "surrogatepass"))
    return keys


@cache
def _lists() -> _Lists:
    raw = yaml.safe_load((Path(__file__).parent / "data" / "urls.yaml").read_text("utf-8"))
    return _Lists(
        frozenset(raw["tracking"] + raw["sessions"]),
        tuple(raw["tracking_prefixes"] + raw["session_prefixes"]),
        frozenset(raw["sessions_by_value"]),
        frozenset(raw["default_documents"]),
    )


def _host(authority: str) -> str | None:
    """Host and port in their one form; None where this is no host."""
    authority = authority.rpartition("@")[2].lower()
    end = authority.find("]") + 1 if authority.startswith("[") else authority.find(":")
    host, port = (authority, "") if end < 0 else (authority[:end], authority[end:])
    if not host.startswith("["):
        host = ".".join(_labels(host))  # first, since the codec takes no empty labels
    if not host.isascii() and not _DEVIATIONS.search(host):
        with suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    if not host.startswith("["):
        labels = _labels(host)
        while len(labels) > 2 and labels[0] == "www":
            del labels[0]
        host = ".".join(labels)
    found = _PORT.fullmatch(port)
    if found is None or not _HOST.fullmatch(host):
        return None
    number = (found[1] or "").lstrip("0")
    return host if number in ("", "80", "443") else f"{host}:{number}"


def _labels(host: str) -> list[str]:
    return [label for label in _DOTS.split(host) if label]


def _percent(part: str) -> str:
    """One form of percent-encoding: what need not be encoded is not, what must be is, with capital digits."""
    return _ENCODED.sub(_encode, part)


def _encode(found: re.Match[str]) -> str:
    if found[1]:
        char = chr(int(found[1], 16))
        return char if char in _UNRESERVED else "%" + found[1].upper()
    return "".join(f"%{byte:02X}" for byte in found[2].encode("utf-8", "surrogatepass"))


def _path(path: str) -> str:
    """The path without session ids, dot segments, doubled and closing slashes and a default document."""
    segments: list[str] = []
    for raw in path.split("/"):
        segment = _without_session(raw)
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    segments = [segment for segment in segments if segment]
    documents = _lists().documents
    while segments and segments[-1].lower() in documents:
        del segments[-1]
    return "".join("/" + segment for segment in segments)


def _without_session(segment: str) -> str:
    if ";" in segment:
        head, *parameters = segment.split(";")
        segment = ";".join([head, *(each for each in parameters if not _dropped(each))])
    return "" if _SESSION_SEGMENT.fullmatch(segment) else segment


def _query(query: str) -> str:
    kept = [each for each in query.split("&") if each and not _dropped(each)]
    return "&".join(sorted(kept, key=lambda each: each.partition("=")[0]))


def _dropped(parameter: str) -> bool:
    """Whether this is a tracking parameter or a session id; also behind an `&amp;` that nobody resolved."""
    name, _, value = parameter.partition("=")
    name = name.lower()
    while name.startswith("amp;"):
        name = name[4:]
    lists = _lists()
    if name in lists.dropped or name.startswith(lists.prefixes):
        return True
    return name in lists.by_value and _SESSION_VALUE.fullmatch(value) is not None
