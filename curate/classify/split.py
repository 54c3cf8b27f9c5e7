"""The held-out examples: whole groups (hosts, files), chosen by a keyed hash, of every label about the same share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UserError


def check(labels: Sequence[str | None], wanted: Sequence[str] = ()) -> list[str]:
    """The labels, by name. Raises UserError for a class without an example and where there is only one class."""
    found = Counter(label for label in labels if label is not None)
    for label in wanted:
        if not found[label]:
            raise UserError(f"the class '{label}' has no example", hint="name a source with texts for it")
    if len(found) < 2:
        only = f"all {found.total():,} examples are '{next(iter(found))}'" if found else "there is no example"
        raise UserError(f"a classifier needs two labels: {only}", hint="name examples of another class")
    for label, many in sorted(found.items()):
        if many < 2:
            raise UserError(f"the class '{label}' has one example", hint="two are the least: one is held out")
    return sorted(found)


def held_out(
    labels: Sequence[str], groups: Sequence[str], share: float, seed: int
) -> tuple[NDArray[np.bool_], list[str]]:
    """Which examples are held out, bool[examples], and the labels for which one group had to be cut.

    Groups come in the order of a keyed hash; each label takes groups until its share is reached, leaving out those
    that would make it more than one and a half times as large. A label with one group only is cut within it.
    """
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        sizes[label][group] += 1
    side: dict[str, bool] = {}
    torn: list[str] = []
    for label in sorted(sizes, key=lambda name: (len(sizes[name]), name)):
        mine = sizes[label]
        total = mine.total()
        have = sum(many for group, many in mine.items() if side.get(group))
        open_groups = sorted((group for group in mine if group not in side), key=lambda group: _hash(group, seed))
        if len(mine) == 1:
            torn.append(label)
            continue
        for group in open_groups:
            many = mine[group]
            side[group] = have < share * total and have + many <= 1.5 * share * total
            have += many * side[group]
        if not have:
            smallest = min(open_groups, key=lambda group: (mine[group], _hash(group, seed)), default=None)
            if smallest is not None:
                side[smallest] = True
    chosen = np.array([side.get(group, False) for group in groups])
    names = np.array(labels)
    for label in sorted(sizes):
        rows = np.flatnonzero(names == label)
        if chosen[rows].all() or not chosen[rows].any():  # its groups lie on one side: cut, and say so
            torn.append(label)
            chosen[rows] = False
            chosen[rows[: max(1, round(share * len(rows)))]] = True
    return chosen, sorted(set(torn))


def _hash(group: str, seed: int) -> int:
    key = seed.to_bytes(8, "little", signed=False)
    return int.from_bytes(blake2b(group.encode("utf-8", "surrogatepass"), key=key, digest_size=8).digest(), "big")
