"""IP addresses. By default only those routed on the public Internet: the others name no one."""

from __future__ import annotations

import ipaddress
import re

from curate.edits.pii import context
from curate.edits.pii.kinds import Find

_QUAD = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", re.ASCII)
# Fewer than two octets of this or more: rather a version or a section than an address, unless a word says so. Of random
# addresses one in a hundred and fifty looks like that.
_SMALL = 32
_PORT_OR_PREFIX = re.compile(r":\d{1,5}(?!\d)|/\d{1,2}(?![\d.])")
_GLOBAL_UNICAST = re.compile(r"[23][0-9a-f]{3}:", re.IGNORECASE)


def ipv4(text: str, begin: int, end: int, public_only: bool, skip_reserved: bool) -> list[Find]:
    """The dotted quads in a run of digits that are addresses and no version numbers."""
    finds = []
    for found in _QUAD.finditer(text, begin, min(len(text), end + 1)):
        if found.end() > end or re.match(r"\w|[.-]\d", text[found.end() : found.end() + 2]):
            continue
        value = _parsed(found.group(), public_only, skip_reserved)
        if value is None or context.names_version(text, found.start()):
            continue
        before = text[max(0, found.start() - 3) : found.start()]
        if before[-1:] in ("/", "-", "_") and before != "://":
            continue  # Firefox/3.0.4.1, package-1.2.3.4
        small = sum(int(octet) >= _SMALL for octet in found.group().split(".")) < 2
        if small and not (context.names_address(text, found.start()) or _PORT_OR_PREFIX.match(text, found.end())):
            continue
        finds.append(Find(found.start(), found.end(), "ipv4", value))
    return finds


def ipv6(text: str, begin: int, end: int, public_only: bool, skip_reserved: bool) -> list[Find]:
    """The address that a run of colon-separated hexadecimal groups is, if it is one.

    A shortened one ("::") must lie in 2000::/3, where all allocated addresses are: `dead::beef` is a name in C++.
    """
    run = text[begin:end].rstrip(":.") if not text.startswith("::", end - 2) else text[begin:end]
    if re.match(r"\w", text[begin + len(run) : begin + len(run) + 1]):
        return []
    if "::" in run and public_only and not _GLOBAL_UNICAST.match(run):
        return []
    value = _parsed(run, public_only, skip_reserved)
    return [Find(begin, begin + len(run), "ipv6", value)] if value else []


def _parsed(spelling: str, public_only: bool, skip_reserved: bool) -> str | None:
    try:
        address = ipaddress.ip_address(spelling)
    except ValueError:
        return None
    if public_only and not (address.is_global and not address.is_multicast):
        return None
    if skip_reserved and (_documentation(address) or address.is_unspecified or address.is_loopback):
        return None
    return address.compressed


# RFC 5737, RFC 3849
_DOCUMENTATION = [
    ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


def _documentation(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address.version == net.version and address in net for net in _DOCUMENTATION)
