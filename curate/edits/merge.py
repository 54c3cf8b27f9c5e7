"""The edits of one document from what its three steps found.

A line rule beats what lies inside of the line: what it removed is stored with typed tokens in the place of personal
values. Personal data beats a line or a mark that it only overlaps (a private key runs over many lines), so that no part
of a value stays behind.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from curate.edits.lines.find import Mark, Removal
from curate.edits.pii.disguise import digest, surrogate
from curate.edits.pii.kinds import Find, token
from curate.edits.spans import Edit

MARK = "citation:mark"


def merged(text: str, doc: int, removals: Sequence[Removal], marks: Sequence[Mark], finds: Sequence[Find],
           actions: Mapping[str, str], key: bytes) -> list[Edit]:  # fmt: skip
    """All edits of a document, sorted and without overlaps. Each of the three lists must be so already; `actions` says
    what is done with each kind of find."""
    taken = _Intervals([(removal.start, removal.end) for removal in removals])
    cuts = [("lines", removal.kind, removal.start, removal.end) for removal in removals]
    cuts += [("citations", MARK, start, end) for start, end in marks if not taken.touched(start, end)]
    cuts.sort(key=lambda cut: cut[2])
    spans = _Intervals([cut[2:] for cut in cuts])
    inside: dict[int, list[Find]] = {}
    beaten: set[int] = set()
    edits = []
    for find in finds:
        touched = spans.touched(find.start, find.end)
        if len(touched) == 1 and cuts[touched[0]][2] <= find.start and find.end <= cuts[touched[0]][3]:
            inside.setdefault(touched[0], []).append(find)
            continue
        beaten.update(touched)
        edits.append(_of_find(text, doc, find, actions[find.kind], key))
    for number, (step, kind, start, end) in enumerate(cuts):
        within = inside.get(number, [])
        if number in beaten:
            edits += [_of_find(text, doc, find, actions[find.kind], key) for find in within]
        else:
            edits.append(Edit(doc, step, kind, start, end, _redacted(text, start, end, within), None, ""))
    return sorted(edits, key=lambda edit: edit.start)


class _Intervals:
    """Sorted stretches that do not overlap."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self.starts = [span[0] for span in spans]
        self.ends = [span[1] for span in spans]

    def touched(self, start: int, end: int) -> range:
        """The numbers of those that share a character with a stretch."""
        return range(bisect_right(self.ends, start), bisect_left(self.starts, end))


def _of_find(text: str, doc: int, find: Find, action: str, key: bytes) -> Edit:
    if action == "flag":
        replacement = None
    elif action == "surrogate":
        replacement = surrogate(find, text[find.start : find.end], key)
    else:
        replacement = token(find.kind)
    return Edit(doc, "pii", f"pii:{find.kind}", find.start, find.end, None, digest(find, key), replacement)


def _redacted(text: str, start: int, end: int, finds: Sequence[Find]) -> str:
    pieces = []
    for find in finds:
        pieces += [text[start : find.start], token(find.kind)]
        start = find.end
    return "".join([*pieces, text[start:end]])
