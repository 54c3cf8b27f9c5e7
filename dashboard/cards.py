"""What stands where something is missing: what, why, and the command that helps; never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard import texts
from dashboard.workspace import RunRef
from workbench.errors import UserError


def problem(what: str, hint: str = "", *, serious: bool = False) -> None:
    """A card that says what is wrong, and what helps. Both may hold names from the disk: they are shown as text."""
    with st.container(border=True):
        texts.line(("⚠ " if serious else "") + what, strong=True)
        if hint:
            texts.line(hint, soft=True)


def empty(what: str, command: str) -> None:
    """A card for something that is not there yet, and the command that makes it."""
    with st.container(border=True):
        texts.line(what, strong=True)
        st.code(command, language=None)


def of_run(run: RunRef) -> bool:
    """A card for a run whose tables cannot be asked; False, and no card, where they can."""
    if run.readable:
        return False
    if run.state == "unreadable":
        problem(f"The run '{run.id}' cannot be shown: {run.problem}", run.hint, serious=True)
    elif run.state == "running":
        problem(
            f"The run '{run.id}' is being written; its tables appear when it is finished.",
            "Overview shows how far it is.",
        )
    elif run.state == "missing":
        problem(f"The run '{run.id}' is registered, but its directory is gone.", f"it was at {run.path}")
    else:
        problem(
            f"The run '{run.id}' is half written, and nothing writes it any more.",
            "give its command again: it goes on from what is finished",
        )
    return True


def failed(error: Exception) -> None:
    """The card of a page, or of a part of one, that raised."""
    if isinstance(error, UserError):
        problem(f"{error}", error.hint)
    else:
        problem(
            f"This part of the page failed ({type(error).__name__}).",
            "it is a bug: the traceback is in the output of the `dashboard` command",
            serious=True,
        )


@contextmanager
def guarded() -> Iterator[None]:
    """Lets one part of a page fail alone: a UserError becomes a card, and the rest of the page goes on."""
    try:
        yield
    except UserError as error:
        failed(error)
