"""What runs at this moment, and what stopped or cannot be read."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import polars as pl
import streamlit as st

from dashboard import texts
from dashboard.ask import workspace
from dashboard.queries import jobs
from dashboard.tables import PAGE, table
from dashboard.workspace import RunRef, Workspace
from workbench.render import count, duration

_EVERY = "2s"


def live(here: Workspace) -> None:
    """The running jobs, looked at again every two seconds while there are any."""
    running = tuple(run.id for run in here.runs if run.state == "running")
    if not running:
        return
    st.header("Running now", anchor=False)
    st.fragment(_jobs, run_every=_EVERY)(running)


def _jobs(known: tuple[str, ...]) -> None:
    runs = workspace().runs
    if tuple(run.id for run in runs if run.state == "running") != known:
        st.rerun()  # one has ended, or begun: the whole page tells of it
    for job in jobs.running(runs, datetime.now(UTC)):
        with st.container(border=True):
            texts.line(f"{job.run.id} · {job.run.kind or 'kind not known yet'}", strong=True)
            if job.fraction is not None:
                st.progress(job.fraction, text=texts.label(f"{job.step}: {100 * job.fraction:.0f} %"))
            else:
                texts.line(job.step)
            texts.line(_told(job), soft=True)
            if job.said:
                texts.line(f"⚠ {job.said}")


def _told(job: jobs.Job) -> str:
    parts = []
    if job.done is not None and job.total is not None:
        parts.append(f"{count(job.done)} of {count(job.total)} {job.unit}")
    if job.rate is not None:
        parts.append(f"{job.rate:,.4g} a second")
    if job.left_s is not None:
        parts.append(f"about {duration(job.left_s)} left in this step, at the pace of the last lines")
    if job.quiet_s is not None:
        parts.append(f"last heard of {duration(job.quiet_s)} ago")
    if job.message:
        parts.append(job.message)
    return " · ".join(parts)


def unfinished(here: Workspace) -> None:
    """Runs that stopped half way, that are gone, or that cannot be read, each with what helps."""
    found = [run for run in reversed(here.runs) if run.state not in ("finished", "running")]
    if not found:
        return
    st.header("Stopped or unreadable", anchor=False)
    frame = pl.DataFrame(
        [
            {"run": run.id, "kind": run.kind, "state": run.state, "why": _why(run), "what helps": _help(run)}
            for run in found[:PAGE]
        ]
    )
    table(frame, alt=f"{len(found)} runs that stopped or cannot be read, with what helps", key="o-unfinished")
    if len(found) > PAGE:
        st.caption(f"The newest {count(PAGE)} of {count(len(found))}.")


def _why(run: RunRef) -> str:
    if run.state == "unreadable":
        return run.problem
    if run.state == "missing":
        return f"it was at {run.path}"
    return jobs.ended(run)


def _help(run: RunRef) -> str:
    if run.state == "unreadable":
        return run.hint
    if run.state == "missing":
        return "bring its directory back, or take its file out of registered/"
    if run.kind == "curate.run":
        return f"curate retry {shlex.quote(str(run.path))}"
    return "give its command again: it goes on from what is finished"
