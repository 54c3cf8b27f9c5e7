"""Characters that nobody sees, made visible: hostile text must not steer a terminal or hide in a page."""

import re
from collections.abc import Iterator

# Control characters (C0, DEL, C1), format characters (bidi marks and overrides, zero-width spaces and joiners, soft
# hyphen, tags), line and paragraph separators, blank fillers, and lone surrogates. The two variation selectors that
# pick text or emoji style (FE0E, FE0F) stay: they stand in ordinary text and always follow something visible.
HIDDEN = (
    "\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\ud800-\udfff"
)
# Marks that stack on the letter before them; text has a few in a row, and a browser hangs on a hundred thousand.
_STACKING = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u0730-\u074a\u0900-\u0903"
    "\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0"
    "\u302a-\u302f\u3099\u309a\ufe0e\ufe0f\ufe20-\ufe2f"
)
_HIDDEN = re.compile(f"[{HIDDEN}]|[{_STACKING}](?<=[{_STACKING}]{{10}})")
_BREAK = re.compile(r"\s*[\t-\r\x85\u2028\u2029]\s*")


def name(character: str) -> str:
    """The mark that stands for a hidden character, such as `⟨U+202E⟩`."""
    return f"⟨U+{ord(character):04X}⟩"


def visible(text: str, keep: str = "") -> str:
    """`text` with every hidden character replaced by its mark, except those in `keep` (say, "\\n\\t").

    Of marks that stack on one letter, the tenth and those after it count as hidden.
    """
    return _HIDDEN.sub(lambda found: found[0] if found[0] in keep else name(found[0]), text)


def split(text: str, keep: str = "") -> Iterator[tuple[str, bool]]:
    """`text` in pieces: each hidden character alone with True, the stretches between them with False."""
    end = 0
    for found in _HIDDEN.finditer(text):
        if found[0] not in keep:
            if end < found.start():
                yield text[end : found.start()], False
            yield found[0], True
            end = found.end()
    if end < len(text):
        yield text[end:], False


def one_line(text: str) -> str:
    """`text` on one line, safe to print: line breaks and tabs become spaces, other hidden characters their marks."""
    return visible(_BREAK.sub(" ", text.strip("\r\n")))
