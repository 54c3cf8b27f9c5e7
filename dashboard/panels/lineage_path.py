"""From a record to a score and back: one run, one document or one host, as a picture and as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import streamlit as st

from dashboard import cards, chrome, texts
from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.charts.lineage import STATES, height, spec
from dashboard.panels import lineage_verify
from dashboard.queries import documents, lineage, overview, paths
from dashboard.queries.paths import Node, Picture
from dashboard.tables import PAGE, pages, shown, table
from dashboard.workspace import DATASETS, RunRef, Workspace
from workbench.errors import UserError
from workbench.render import count

_LONGEST = 2048  # characters of an address
_TABLES = 40


def show(here: Workspace, run: RunRef) -> None:
    """The lineage of the run, and where a document or a host of it went."""
    found = lineage.family(here)
    with st.container(horizontal=True):
        key = st.text_input(
            "Document: id or address", key="id", bind="query-params", max_chars=_LONGEST, width=420, value=""
        )
        host = st.text_input("or a host", key="host", bind="query-params", max_chars=253, width=260, value="")
    key, host = ((said or "").strip() for said in (key, host))  # on other pages these parameters may be unset
    start, chain = run, list[Node]()
    places: dict[str, Any] = {}
    looked = ""
    with cards.guarded():
        if key:
            start, chain = _document(found, run, key)
            looked = f"the document {key}" if chain else ""
        elif host:
            holder = next(iter(_holders(found, run)), None)
            if holder is None:
                what = f"'{run.id}' was made from no run that counts documents by host"
                cards.problem(what, "choose a curated run, or one that was made from it")
            else:
                start, looked = holder, f"the host {host}"
        down = _between(found, start, run)
        if chain:
            places = _places(found, [start.id, *down], lineage.document, key=chain[0].key)
        elif looked:
            places = _places(found, [start.id, *down], lineage.host, name=host)
        _all(found, start, down, chain, places, looked)


def _all(
    found: lineage.Family, start: RunRef, down: list[str], chain: list[Node], places: dict[str, Any], looked: str
) -> None:
    below = [start.id, *down]
    inside = lineage.reached(found, start.id, places) if looked else set(below)
    out = [name for name in below if name not in inside]
    near = [name for name in down if name in inside or inside & {link.id for link in found.made_from(name)}]
    drawn = paths.picture(found, start.id, near, out, chain)
    drawn = _checkpoints(found, _scores(found, drawn))
    _picture(drawn, start, found, f"{len(below) - len(out)} of {len(below)} runs hold {looked}" if looked else "")
    names = [*reversed(found.ancestors(start.id)), *below]
    _table(found, start, names, places, inside if looked else None)
    lineage_verify.show(found, start)


def _between(found: lineage.Family, start: RunRef, run: RunRef) -> list[str]:
    """What was made from `start`, as far as it has to do with `run`."""
    down = found.descendants(start.id)
    if start.id == run.id:
        return down
    related = {run.id, *found.ancestors(run.id), *found.descendants(run.id)}
    return [name for name in down if name in related]


def _document(found: lineage.Family, run: RunRef, key: str) -> tuple[RunRef, list[Node]]:
    """The run that decided about the document, and the nodes that lead to it; the first one's key is the id."""
    for holder in _holders(found, run)[:8]:
        row = ask(documents.find, holder, key=key).value
        if row is not None:
            return holder, _chain(holder, row)
    cards.problem(
        f"No document '{key[:200]}' in '{run.id}', nor in what it was made from",
        "choose the run that read it, or look for it on the page Documents",
    )
    return run, []


def _holders(found: lineage.Family, run: RunRef) -> list[RunRef]:
    """The run and those that it was made from, as far as they decided about documents; the nearest first."""
    near = [found.runs[name] for name in [run.id, *found.ancestors(run.id)]]
    return [one for one in near if _decides(one)]


def _decides(run: RunRef) -> bool:
    return run.readable and run.kind in DATASETS


def _chain(run: RunRef, row: dict[str, Any]) -> list[Node]:
    """The record, the text taken out of it, the steps that it passed, and the one in which it ended."""
    nodes = [Node(str(row["id"]), f"record {row['row']}", str(row["file"] or "unknown file"), "record")]
    levels = ask(overview.levels, run).value.levels
    steps = [level.step for level in levels]
    ended = row["step"] if row["state"] != "kept" else None
    passed = steps[: steps.index(ended)] if ended in steps else steps
    if "extract" in passed:
        nodes.append(
            Node("document", str(row["url"] or row["id"]), f"text of {row['tokens'] or 0:,} tokens", "document")
        )
    between = [step for step in passed if step not in ("read", "extract")]
    if between:
        nodes.append(Node("steps", f"{len(between)} steps passed", ", ".join(between), "step"))
    if ended is not None:
        why = row["rule"] or row["error"] or ""
        nodes.append(Node("ended", f"{row['state']} in {ended}", str(why), "step", "out"))
    return nodes


def _places(
    found: lineage.Family, names: list[str], question: Callable[..., Any], **asked: Any
) -> dict[str, lineage.Place | None]:
    """What each of these runs says, as far as it has tables; those nearest first."""
    runs = [found.runs[name] for name in names]
    runs = [run for run in runs if run.readable and run.kind.startswith(("curate.", "train.tokens"))]
    places: dict[str, lineage.Place | None] = {}
    for run in runs[:_TABLES]:
        try:
            places[run.id] = ask(question, run, **asked).value
        except UserError:  # its table is gone: what it hands on cannot be told
            places[run.id] = lineage.Place(True, "its table cannot be read: it may hold it")
    if len(runs) > _TABLES:
        said = f"The {_TABLES} nearest of {len(runs):,} runs with documents were asked"
        texts.line(f"{said}; the others count as holding it where one of their parents does.", soft=True)
    return places


def _checkpoints(found: lineage.Family, drawn: Picture) -> Picture:
    for name in [node.runs[0] for node in drawn.nodes if len(node.runs) == 1]:
        run = found.runs[name]
        steps = lineage.checkpoints(run) if run.kind.startswith("train.") and run.readable else []
        if steps:
            tokens = ask(overview.trained, run).value.get("tokens")
            read = f"after {count(int(tokens))} tokens" if tokens else "of the training"
            title, about = (steps[0], read) if len(steps) == 1 else (f"{len(steps)} checkpoints", f"last: {steps[-1]}")
            drawn = paths.between(drawn, name, Node(f"checkpoint {name}", title, about, "checkpoint"))
    return drawn


def _scores(found: lineage.Family, drawn: Picture) -> Picture:
    for name in [node.runs[0] for node in drawn.nodes if len(node.runs) == 1]:
        run = found.runs[name]
        scored = ask(overview.scored, run).value if run.kind == "eval" and run.readable else {}
        if scored:
            title = f"{scored['tasks']} tasks" if scored["tasks"] != 1 else "1 task"
            drawn = paths.below(drawn, name, Node(f"scores {name}", title, _score(scored), "scores"))
    return drawn


def _score(scored: dict[str, Any]) -> str:
    if scored.get("value") is None:
        return "no average over its tasks"
    interval = ""
    if scored.get("low") is not None and scored.get("high") is not None:
        interval = f" [{scored['low']:.3f}, {scored['high']:.3f}]"
    return f"{scored['value']:.3f}{interval} n={count(int(scored.get('n') or 0))}"


def _picture(drawn: Picture, start: RunRef, found: lineage.Family, held: str) -> None:
    up, down = len(found.ancestors(start.id)), len(found.descendants(start.id))
    told = f"{start.id}: made from {_runs(up)}; made from it: {_runs(down)}"
    if held:
        told = f"{held}, of those below {start.id}"
    texts.line(told, strong=True)
    titles = {node.key: node.title for node in drawn.nodes}
    lines = pl.DataFrame(
        [(titles[above], titles[below]) for above, below in drawn.edges],
        schema={"from": pl.String, "to": pl.String},
        orient="row",
    )
    dark = st.context.theme.type == "dark"
    draw.echarts(spec(drawn, dark=dark), lines, alt=told, key="l-picture", height=height(drawn))
    used = {node.state for node in drawn.nodes}
    signs = " · ".join(f"{each.sign} {each.words}" for state, each in STATES.items() if each.sign and state in used)
    texts.line(signs, soft=True)
    if drawn.hidden:
        st.caption(f"{count(drawn.hidden)} runs have no room in the picture: they stand in the table.")


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{count(number)} runs"


def _table(
    found: lineage.Family, start: RunRef, names: list[str], places: dict[str, Any], inside: set[str] | None
) -> None:
    st.header("The same as a table", anchor=False)
    up = set(found.ancestors(start.id))
    offset = pages(len(names), "l_page")
    part = names[offset : offset + PAGE]
    rows = []
    for name in part:
        run, place = found.runs[name], places.get(name)
        side = "looked at" if name == start.id else "made from" if name in up else "led to"
        row = {"side": side, "run": run.id, "kind": run.kind, "state": run.state, "parents": _parents(found, name)}
        if inside is not None:
            words = place.words if place is not None else "through its parents" if name in inside else ""
            row |= {"holds it": "" if name in up else "yes" if name in inside else "no", "how": words}
        rows.append({**row, "score": _told(run), "finished": run.finished[:16].replace("T", " ")})
    chosen = table(
        pl.DataFrame(rows, infer_schema_length=None),
        alt=f"{len(names)} runs of the lineage of {start.id}, with the state of their parents",
        key="l-table",
        choose=True,
    )
    shown(offset, len(part), len(names), "runs", of="of this lineage")
    if chosen is not None:
        chrome.link("lineage", f"Look at {part[chosen]}", run=part[chosen])
    lost = found.lost(names)
    for child, link in lost[:5]:
        what = "has changed since" if link.state == "changed" else "is not in this workspace"
        cards.problem(
            f"'{link.name}', of which '{child}' was made, {what}",
            "what is drawn above it is that of the run of this name now"
            if link.state == "changed"
            else "bring it back",
        )


def _parents(found: lineage.Family, name: str) -> str:
    links = found.parents.get(name, ())
    if not links:
        return "none"
    bad = [f"{link.name} {link.state}" for link in links if link.state != "same"]
    return f"✕ {', '.join(bad)}" if bad else f"✓ {len(links)} as they were"


def _told(run: RunRef) -> str:
    return _score(scored) if run.kind == "eval" and run.readable and (scored := ask(overview.scored, run).value) else ""
