"""Whether a whole chunk is a web address, an e-mail address or a host, by the pattern of spaCy's tokenizer.

The pattern is anchored at both ends, so that only the language it accepts matters, not how it searches:
an optional scheme, an optional user part ending in "@", a public IPv4 address or a domain, an optional port, an
optional rest that begins with "/", "?" or "#". Every candidate for the start of the host is tried; a domain cannot hold
an "@", hence all of them together read the chunk a constant number of times.
"""

from curate.segment.kernels import helper
from curate.segment.spacy_rules import DECIMAL, DIGIT, DOMAIN_END, WORD
from curate.segment.types import Codes

LABEL_MAX = 64
DOMAIN_END_MAX = 63


@helper
def is_url(codes, begin, end, bits):  # type: ignore[no-untyped-def]
    """Whether `codes[begin:end]`, which holds no white space, is an address."""
    if _host(codes, begin, end, bits):
        return True
    at = begin
    while at < end and (bits[codes[at]] & WORD or codes[at] == 43 or codes[at] == 45 or codes[at] == 46):
        at += 1
    if (
        at - begin >= 2
        and at + 2 < end
        and codes[at] == 58
        and codes[at + 1] == 47
        and codes[at + 2] == 47
        and _host(codes, at + 3, end, bits)
    ):
        return True
    at = begin + 1
    while at < end and not (codes[at] == 64 and _host(codes, at + 1, end, bits)):
        at += 1
    return at < end


@helper
def _host(codes, begin, end, bits):  # type: ignore[no-untyped-def]
    """Whether a host starts at `begin` and everything after it is a port and a path."""
    return _domain(codes, begin, end, bits) or _ipv4(codes, begin, end, bits)


@helper
def _closes(codes, at, end, bits):  # type: ignore[no-untyped-def]
    """Whether only an optional port and an optional path follow a host that ends at `at`."""
    if at < end and codes[at] == 58:
        stop = at + 1
        while stop < end and bits[codes[stop]] & DECIMAL:
            stop += 1
        if not 2 <= stop - at - 1 <= 5:
            return False
        at = stop
    return at == end or codes[at] == 47 or codes[at] == 63 or codes[at] == 35


@helper
def _in_label(code):  # type: ignore[no-untyped-def]
    """What a label of a domain may begin and end with."""
    return 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122 or 0xA1 <= code <= 0xFFFF


@helper
def _domain(codes, begin, end, bits):  # type: ignore[no-untyped-def]
    """Labels and dots, then a top-level domain of lower-case or caseless letters."""
    at = begin
    while True:
        start = at
        while at < end and (_in_label(codes[at]) or codes[at] == 45 or codes[at] == 95):
            at += 1
        if at == start or at >= end or codes[at] != 46 or at - start > LABEL_MAX:
            return False
        if not _in_label(codes[start]) or not _in_label(codes[at - 1]):
            return False
        at += 1
        stop = at
        while stop < end and bits[codes[stop]] & DOMAIN_END:
            stop += 1
        if 2 <= stop - at <= DOMAIN_END_MAX and _closes(codes, stop, end, bits):
            return True


@helper
def _ipv4(codes: Codes, begin, end, bits):  # type: ignore[no-untyped-def]
    """Four numbers that make a public unicast address. Where the pattern says a digit, any decimal digit will do."""
    at = begin
    first = second = -1
    for octet in range(4):
        start = at
        while at < end and at - start < 4 and bits[codes[at]] & DECIMAL:
            at += 1
        digits = at - start
        if digits == 0 or digits > 3:
            return False
        a = codes[start] - 48 if bits[codes[start]] & DIGIT else -1
        b = codes[start + 1] - 48 if digits > 1 and bits[codes[start + 1]] & DIGIT else -1
        c = codes[start + 2] - 48 if digits > 2 and bits[codes[start + 2]] & DIGIT else -1
        if digits == 3:
            last = 4 if octet == 3 else 5
            if octet == 0:
                fits = a == 1 or (a == 2 and (b == 0 or b == 1 or (b == 2 and 0 <= c <= 3)))
            else:
                fits = a == 1 or (a == 2 and (0 <= b <= 4 or (b == 5 and 0 <= c <= last)))
        elif octet == 0 or octet == 3:
            fits = a >= 1
        else:
            fits = True
        if not fits:
            return False
        if octet == 0:
            first = _number(digits, a, b, c)
        elif octet == 1:
            second = _number(digits, a, b, c)
            teens = first == 172 and digits == 2 and (a == 2 or (a == 1 and b >= 6) or (a == 3 and 0 <= b <= 1))
            if teens or (first == 169 and second == 254) or (first == 192 and second == 168):
                return False
        if octet < 3:
            if at >= end or codes[at] != 46:
                return False
            at += 1
    return first != 10 and first != 127 and _closes(codes, at, end, bits)


@helper
def _number(digits, a, b, c):  # type: ignore[no-untyped-def]
    """Value of an octet, -1 where a digit is not 0 to 9."""
    if a < 0 or (digits > 1 and b < 0) or (digits > 2 and c < 0):
        return -1
    if digits == 1:
        return a
    return a * 10 + b if digits == 2 else a * 100 + b * 10 + c
