"""Reading tags in a page's bytes: white space, hashed names, attributes as bits and a hash of the class."""

from __future__ import annotations

import numpy as np
from numba import njit

from curate.extract.winnow import names

_WORD_KEYS, _WORD_VALUES = names.WORD_KEYS, names.WORD_VALUES
_MAIN_BIT, _UNSEEN_BIT = names.MAIN, names.UNSEEN
BASIS, PRIME = np.uint32(names.FNV_BASIS), np.uint32(names.FNV_PRIME)
# What `attributes` says of a tag besides its bits: it has a target; it is a script that may hold markup.
TARGET, MARKUP = 1, 2


@njit(cache=True, inline="always")
def is_space(c):  # type: ignore[no-untyped-def]
    return c == 32 or c == 10 or c == 9 or c == 13 or c == 12


@njit(cache=True)
def lookup(keys, values, key):  # type: ignore[no-untyped-def]
    mask = np.uint32(len(keys) - 1)
    slot = np.uint32(key & mask)
    while keys[slot] != 0:
        if keys[slot] == key:
            return values[slot]
        slot = np.uint32((slot + np.uint32(1)) & mask)
    return np.uint32(0)


@njit(cache=True)
def find_close(buf, position, name_begin, name_end):  # type: ignore[no-untyped-def]
    """Where the end tag of a raw element starts; the end of the page where there is none."""
    size = len(buf)
    length = name_end - name_begin
    i = position
    while i < size - 1:
        if buf[i] == 60 and buf[i + 1] == 47:
            k = 0
            while k < length and i + 2 + k < size and (buf[i + 2 + k] | 32) == (buf[name_begin + k] | 32):
                k += 1
            if k == length:
                return i
        i += 1
    return size


@njit(cache=True)
def find_after(buf, position, a, b, c):  # type: ignore[no-untyped-def]
    """The position after the bytes a b c; the end of the page where they do not come."""
    size = len(buf)
    i = position
    while i + 2 < size:
        if buf[i + 2] == c and buf[i + 1] == b and buf[i] == a:
            return i + 3
        i += 1
    return size


@njit(cache=True)
def _word_bits(buf, begin, end):  # type: ignore[no-untyped-def]
    """The bits of the words of an attribute; words end where letters do, and before a capital after a small one."""
    bits = np.uint32(0)
    value = BASIS
    whole = BASIS
    length = 0
    pieces = 0
    for i in range(begin, end + 1):
        c = np.uint8(32) if i == end else buf[i]
        low = c | 32
        letter = 97 <= low <= 122
        capital = letter and c < 97
        if length and (not letter or (capital and 97 <= buf[i - 1] <= 122)):
            bits |= lookup(_WORD_KEYS, _WORD_VALUES, value)
            value = BASIS
            length = 0
            pieces += 1
        if letter:
            value = np.uint32((value ^ np.uint32(low)) * PRIME)
            whole = np.uint32((whole ^ np.uint32(low)) * PRIME)
            length += 1
        elif c == 32 or c == 10 or c == 9:
            if pieces > 1:
                bits |= lookup(_WORD_KEYS, _WORD_VALUES, whole)
            whole = BASIS
            pieces = 0
    return bits


@njit(cache=True)
def _contains(buf, begin, end, word):  # type: ignore[no-untyped-def]
    """Whether the bytes of `word` (small letters) are in buf[begin:end], letters in any case."""
    length = len(word)
    for i in range(begin, end - length + 1):
        k = 0
        while k < length and (buf[i + k] | 32 if 65 <= buf[i + k] <= 90 else buf[i + k]) == word[k]:
            k += 1
        if k == length:
            return True
    return False


_NONE = np.frombuffer(b"none", np.uint8)
_HIDDEN = np.frombuffer(b"hidden", np.uint8)
_HTML = np.frombuffer(b"html", np.uint8)
_TEMPLATES = np.frombuffer(b"template", np.uint8)
_MARKDOWN = np.frombuffer(b"markdown", np.uint8)
_MAIN_WORD = np.frombuffer(b"main", np.uint8)
_ARTICLE_BODY = np.frombuffer(b"articlebody", np.uint8)
_CLASS_KEY, _ID_KEY, _ROLE_KEY, _STYLE_KEY, _HIDDEN_KEY, _ARIA_KEY, _ITEM_KEY, _TYPE_KEY, _HREF_KEY = (
    np.uint32(names.fnv(word))
    for word in (b"class", b"id", b"role", b"style", b"hidden", b"aria-hidden", b"itemprop", b"type", b"href")
)


@njit(cache=True)
def attributes(buf, position):  # type: ignore[no-untyped-def]
    """Position after the tag's `>`, bits, hash of the class, whether the tag closes itself, and more.

    The last has the bits TARGET and MARKUP.
    """
    size = len(buf)
    bits = np.uint32(0)
    signature = BASIS
    alone = False
    special = 0
    i = position
    while i < size:
        c = buf[i]
        if c == 62:
            return i + 1, bits, signature, alone, special
        if is_space(c) or c == 47:
            alone = c == 47
            i += 1
            continue
        alone = False
        key = BASIS
        start = i
        while i < size:
            c = buf[i]
            if is_space(c) or c == 47 or c == 62 or (c == 61 and i > start):
                break
            key = np.uint32((key ^ np.uint32(c | 32 if 65 <= c <= 90 else c)) * PRIME)
            i += 1
        begin = end = i
        k = i
        while k < size and is_space(buf[k]):
            k += 1
        if k < size and buf[k] == 61:
            i = k + 1
            while i < size and is_space(buf[i]):
                i += 1
            if i < size and (buf[i] == 34 or buf[i] == 39):
                quote = buf[i]
                i += 1
                begin = i
                while i < size and buf[i] != quote:
                    i += 1
                end = i
                i += 1
            else:
                begin = i
                while i < size and not is_space(buf[i]) and buf[i] != 62:
                    i += 1
                end = i
        if key in (_CLASS_KEY, _ID_KEY):
            bits |= _word_bits(buf, begin, end)
            if key == _CLASS_KEY:
                for at in range(begin, end):
                    signature = np.uint32((signature ^ np.uint32(buf[at])) * PRIME)
        elif key == _ROLE_KEY:
            bits |= _word_bits(buf, begin, end)
            if _contains(buf, begin, end, _MAIN_WORD):
                bits |= _MAIN_BIT
        elif key == _ITEM_KEY:
            if _contains(buf, begin, end, _ARTICLE_BODY):
                bits |= _MAIN_BIT
        elif key == _STYLE_KEY:
            if _hides(buf, begin, end):
                bits |= _UNSEEN_BIT
        elif key == _HIDDEN_KEY:
            bits |= _UNSEEN_BIT
        elif key == _ARIA_KEY:
            if end > begin and buf[begin] == 116:
                bits |= _UNSEEN_BIT
        elif key == _HREF_KEY:
            special |= TARGET
        elif key == _TYPE_KEY and (
            _contains(buf, begin, end, _HTML)
            or _contains(buf, begin, end, _TEMPLATES)
            or _contains(buf, begin, end, _MARKDOWN)
        ):
            special |= MARKUP
    return size, bits, signature, alone, special


_DISPLAY = np.frombuffer(b"display", np.uint8)
_VISIBILITY = np.frombuffer(b"visibility", np.uint8)


@njit(cache=True)
def _hides(buf, begin, end):  # type: ignore[no-untyped-def]
    """Whether a style has `display: none` or `visibility: hidden`."""
    i = begin
    while i < end:
        stop = i
        while stop < end and buf[stop] != 59:
            stop += 1
        if _contains(buf, i, stop, _DISPLAY) and _contains(buf, i, stop, _NONE):
            return True
        if _contains(buf, i, stop, _VISIBILITY) and _contains(buf, i, stop, _HIDDEN):
            return True
        i = stop + 1
    return False


@njit(cache=True)
def starts_tag(buf, position):  # type: ignore[no-untyped-def]
    """Whether the next thing that is not white space is a tag."""
    i = position
    while i < len(buf) and is_space(buf[i]):
        i += 1
    return i < len(buf) and buf[i] == 60
