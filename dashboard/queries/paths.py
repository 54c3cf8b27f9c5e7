"""One focused picture of a lineage: at most 25 nodes, those that are alike in one, with their count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dashboard.queries.lineage import Family

MOST = 25
"""Nodes that a picture may have."""
_EACH = (4, 3, 2, 1)  # so many alike stand alone; tried until the picture is small enough
_SPARE = 5  # nodes kept free for checkpoints and scores


@dataclass(frozen=True, slots=True)
class Node:
    """A box. about: its second line. kind: record, document, step, run, checkpoint, scores. state: `ok`, `focus`, `out`
    (what is looked for is not in it), `changed`, `unfinished` or `gone`. runs: the ids that it stands for. layer: its
    row."""

    key: str
    title: str
    about: str
    kind: str
    state: str = "ok"
    runs: tuple[str, ...] = ()
    layer: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Nodes in the order of their layers, and edges between their keys; hidden: runs for which there was no room."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    hidden: int = 0


def picture(
    found: Family, focus: str, down: list[str], out: Iterable[str] = (), before: Iterable[Node] = ()
) -> Picture:
    """One run, all it was made from, and the runs `down` from it. out: ids that do not hold what is looked for. before:
    a chain of nodes that leads to the run, such as a record and its document."""
    chain = list(before)
    up = [] if chain else found.ancestors(focus)
    names = [*up, focus, *down]
    sides = {**dict.fromkeys(up, -1), **dict.fromkeys(down, 1), focus: 0}
    # Every other row stays free, for what stands between a run and what was made from it.
    layers = {name: 2 * layer for name, layer in _layers(found, names).items()}
    left = set(out)
    lost = found.lost([*up, focus])
    gone = [link for _, link in lost if link.run is None]
    groups = _groups(found, names, sides, layers, left, MOST - _SPARE - len(chain) - bool(gone))
    nodes, where = [], {}
    for key, members in groups.items():
        where.update(dict.fromkeys(members, key))
        nodes.append(_node(found, key, members, focus, left, layers, {name for name, _ in lost}))
    room = max(0, MOST - len(chain) - bool(gone))
    hidden = sum(len(node.runs) for node in nodes[room:])
    nodes = nodes[:room]
    edges = {
        (where[run.id], where[name])
        for name in names
        for run in found.made_from(name)
        if run.id in where and where[run.id] != where[name]
    }
    if gone:
        title = gone[0].name if len(gone) == 1 else f"{len(gone)} runs"
        nodes.append(Node("gone", title, "not in this workspace", "run", "gone", (), -1))
        edges |= {("gone", where[child]) for child, link in lost if link.run is None}
    _prepend(chain, nodes, edges, where[focus], layers[focus])
    kept = {node.key for node in nodes}
    ordered = tuple(sorted(nodes, key=lambda node: node.layer))
    return Picture(ordered, tuple(sorted(edge for edge in edges if kept.issuperset(edge))), hidden)


def _prepend(chain: list[Node], nodes: list[Node], edges: set[tuple[str, str]], focus: str, layer: int) -> None:
    """Puts the chain above the run that it leads to, and moves all below where there is too little room."""
    shift = max(0, len(chain) - layer)
    nodes[:] = [replace(node, layer=node.layer + shift) for node in nodes]
    top = layer + shift - len(chain)
    for place, node in enumerate(chain):
        nodes.append(replace(node, layer=top + place))
        edges.add((node.key, chain[place + 1].key if place + 1 < len(chain) else focus))


def _layers(found: Family, names: list[str]) -> dict[str, int]:
    """The longest way from a run without parents (in this family); a link that closes a circle is left out."""
    inside = set(names)
    layers: dict[str, int] = {}
    open_now: set[str] = set()
    for start in names:
        stack = [start]
        while stack:
            name = stack[-1]
            above = [run.id for run in found.made_from(name) if run.id in inside]
            waiting = [one for one in above if one not in layers and one not in open_now]
            if name not in layers and waiting:
                open_now.add(name)
                stack.append(waiting[0])
                continue
            layers.setdefault(name, max((layers[one] + 1 for one in above if one in layers), default=0))
            open_now.discard(name)
            stack.pop()
    return layers


def _groups(
    found: Family, names: list[str], sides: Mapping[str, int], layers: Mapping[str, int], out: set[str], room: int
) -> dict[str, list[str]]:
    """Runs that are drawn as one, by the key of their node."""
    for each in (*_EACH, 0):
        alike: dict[tuple[object, ...], list[str]] = {}
        for name in names:
            row = layers[name] if each else -1  # at last even those of several rows
            run = found.runs[name]
            alike.setdefault((sides[name], row, run.kind, run.readable, name in out), []).append(name)
        groups: dict[str, list[str]] = {}
        for number, members in enumerate(alike.values()):
            if len(members) <= max(1, each):
                groups.update({f"run {name}": [name] for name in members})
            else:
                groups[f"group {number}"] = members
        if len(groups) <= room:
            return groups
    return groups


def _node(
    found: Family,
    key: str,
    members: list[str],
    focus: str,
    out: set[str],
    layers: Mapping[str, int],
    changed: set[str],
) -> Node:
    run = found.runs[members[0]]
    last = not any(
        child in layers and child not in members for name in members for child in found.children.get(name, ())
    )
    layer = (max if last else min)(layers[name] for name in members)
    if focus in members:
        state = "focus"
    elif out.issuperset(members):
        state = "out"
    elif changed.intersection(members):
        state = "changed"
    elif not all(found.runs[name].readable for name in members):
        state = "unfinished"
    else:
        state = "ok"
    kind = run.kind or "unknown kind"
    if len(members) == 1:
        about = kind if run.readable else f"{kind} · {run.state}"
        return Node(key, run.id, about, "run", state, tuple(members), layer)
    return Node(key, f"{len(members)} × {kind}", ", ".join(members), "run", state, tuple(members), layer)


def below(drawn: Picture, run: str, node: Node) -> Picture:
    """The picture with a node below that of a run, where there is room and the run stands alone; else as it was."""
    parent = _alone(drawn, run)
    if parent is None:
        return drawn
    return _with(drawn, replace(node, state=_like(parent), layer=parent.layer + 2), [(parent.key, node.key)])


def between(drawn: Picture, run: str, node: Node) -> Picture:
    """The picture with a node between a run and all that was made from it; as it was where there is nothing or no
    room."""
    parent = _alone(drawn, run)
    led = [end for start, end in drawn.edges if parent is not None and start == parent.key]
    if parent is None or not led:
        return drawn
    kept = tuple(edge for edge in drawn.edges if edge[0] != parent.key)
    placed = replace(node, state=_like(parent), layer=parent.layer + 1)
    return _with(replace(drawn, edges=kept), placed, [(parent.key, node.key), *((node.key, end) for end in led)])


def _alone(drawn: Picture, run: str) -> Node | None:
    if len(drawn.nodes) >= MOST:
        return None
    return next((node for node in drawn.nodes if node.runs == (run,)), None)


def _like(parent: Node) -> str:
    return "out" if parent.state == "out" else "ok"


def _with(drawn: Picture, node: Node, edges: list[tuple[str, str]]) -> Picture:
    nodes = tuple(sorted((*drawn.nodes, node), key=lambda one: one.layer))
    return Picture(nodes, (*drawn.edges, *edges), drawn.hidden)
