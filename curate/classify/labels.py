"""What people said of a run's documents, as labels of examples."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from workbench.errors import Exit, UserError
from workbench.manifest import Input
from workbench.people import FILE, People, jsonl


@dataclass(frozen=True)
class Said:
    """labels: by document. input: what was read, with the digest of the file that `workbench labels --to` writes of it.
    notes: what to warn of."""

    labels: dict[str, str]
    input: Input
    notes: list[str]


def of(run: str, about: str, root: Path) -> Said:
    """The label of each document of a run on a question: what most of its raters gave; without one where two labels
    have as many. Raises UserError (exit 4) where nobody gave any."""
    found = []
    if (root / FILE).is_file():
        with People(root) as people:
            found = people.labels(run)
    rows = [row for row in found if row.about == about]
    if not rows:
        there = ", ".join(sorted({row.about for row in found}))
        hint = f"there are labels about: {there}" if there else f"the dashboard writes labels to {root / FILE}"
        raise UserError(f"nobody labelled documents of '{run}' about '{about}'", hint=hint, code=Exit.INPUT)
    given: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        given[row.item][row.label] += 1
    labels, split = {}, 0
    for item, counts in given.items():
        (label, most), *others = counts.most_common(2)
        if others and others[0][1] == most:
            split += 1
        else:
            labels[item] = label
    notes = [f"raters are split about {split:,} documents of '{run}', which are left out"] if split else []
    text = jsonl(rows).encode()
    name = f"labels of {run} about {about}"
    return Said(labels, Input(path=name, bytes=len(text), digest=sha256(text).hexdigest()), notes)
