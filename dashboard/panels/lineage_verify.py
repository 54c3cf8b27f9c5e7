"""Are the files what their manifests say? Hashed when somebody asks, within limits, nearest runs first."""

from __future__ import annotations

import shlex
from pathlib import Path

import polars as pl
import streamlit as st

from dashboard.queries.lineage import Family
from dashboard.tables import table
from dashboard.workspace import RunRef
from workbench import manifest
from workbench.errors import UserError
from workbench.render import count, size

LIMIT = 2 << 30
"""Bytes that one press may read; a larger run is verified on the command line."""
_RUNS = 50
_KEPT = "l-verified"


@st.fragment
def show(found: Family, start: RunRef) -> None:
    """The button, its progress, and what it found: kept for this session, by run and manifest."""
    st.header("Files", anchor=False)
    runs = [found.runs[name] for name in [start.id, *found.ancestors(start.id)] if found.runs[name].readable][:_RUNS]
    st.caption(
        "The manifests of parents are always compared with what their children say. The files of this run and of what "
        f"it was made from, {count(len(runs))} in all, are hashed on demand, up to {size(LIMIT)}."
    )
    known: dict[tuple[str, str], tuple[bool, str]] = st.session_state.setdefault(_KEPT, {})
    if st.button("Verify the files", icon=":material/verified:", key="l-verify"):
        _verify(runs, known)
    rows = [_row(run, known) for run in runs]
    if any(row["files"] for row in rows):
        wrong = sum(row["files"].startswith("✕") for row in rows)
        table(pl.DataFrame(rows), alt=f"{len(rows)} runs, of which {wrong} have files that changed", key="l-files")


def _row(run: RunRef, known: dict[tuple[str, str], tuple[bool, str]]) -> dict[str, str]:
    ok, words = known.get((str(run.path), run.version), (False, ""))
    return {"run": run.id, "files": f"{'✓' if ok else '✕'} {words}" if words else ""}


def _verify(runs: list[RunRef], known: dict[tuple[str, str], tuple[bool, str]]) -> None:
    left = LIMIT
    bar = st.progress(0.0, text="Hashing")
    for number, run in enumerate(runs):
        bar.progress(number / max(1, len(runs)), text=f"Hashing the files of run {number + 1} of {len(runs)}")
        found, total = _checked(run.path, left)
        if total <= left:
            left -= total
        known[str(run.path), run.version] = found
    bar.empty()


def _checked(path: Path, left: int) -> tuple[tuple[bool, str], int]:
    """Whether the files are as the manifest says, in words, and the bytes that it lists."""
    try:
        read = manifest.read(path)
        if read is None:
            return (False, "its manifest is gone"), 0
        total = sum(entry.bytes for entry in read.outputs)
        if total > left:
            command = (
                f"curate verify {shlex.quote(str(path))}" if read.kind.startswith("curate.") else "the command line"
            )
            return (False, f"not looked at: {size(total)} is too much here; {command}"), total
        problems = manifest.verify(path, read)
    except UserError as error:
        return (False, str(error)), 0
    except OSError as error:
        return (False, f"cannot be read: {error.strerror or error}"), 0
    if not problems:
        return (True, f"{count(len(read.outputs))} files are what the manifest says"), total
    more = f", and {count(len(problems) - 3)} more" if len(problems) > 3 else ""
    return (False, "; ".join(problems[:3]) + more), total
