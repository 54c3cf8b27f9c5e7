"""URLs as archives write them, and the host part of one."""

from __future__ import annotations

import re
from contextlib import suppress

_SPACE = re.compile(r"[\x00-\x20\x7f]")
_AUTHORITY = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[/\\]{2}([^/?#\\]*)")


def clean_url(raw: str | None) -> str | None:
    """`raw` without the <angle brackets> of old wget versions; blanks are percent-encoded, line breaks removed."""
    if raw is None:
        return None
    url = raw.strip()
    if url.startswith("<") and url.endswith(">"):
        url = url[1:-1].strip()
    if _SPACE.search(url):
        url = _SPACE.sub(lambda found: "%20" if found[0] == " " else "", url)
    return url or None


def host_of(url: str | None) -> str | None:
    """The host in lower case without user, port and final dot; international names as A-labels where they are valid."""
    found = _AUTHORITY.match(url) if url else None
    if found is None:
        return None
    host = found[1].rpartition("@")[2].lower()
    if host.startswith("["):
        return host.partition("]")[0][1:] or None
    host = host.partition(":")[0].strip(".")
    if not host.isascii():
        with suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    return host or None
