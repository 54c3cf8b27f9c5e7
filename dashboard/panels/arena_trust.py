"""How far the votes of an arena can be trusted: sides, agreement, judges, and the checks of each rater."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import texts
from dashboard.ask import people
from dashboard.panels.arena_vote import loaded
from dashboard.queries import arena as queries
from dashboard.tables import table
from dashboard.workspace import RunRef


def show(found: dict[str, Any]) -> None:
    """Whether the place on the screen mattered, and how far raters agree."""
    st.header("How far the votes can be trusted", anchor=False)
    left = found["left"]
    if left is not None:
        texts.line(
            f"The answer on the left won {100 * left['value']:.1f} % of the decided votes "
            f"[{100 * left['low']:.1f}, {100 * left['high']:.1f}], n {left['n']:,}; 50 % is no bias."
        )
    said = found["agreement"]
    if said["alpha"] is None:
        texts.line("No two raters have voted on one pair: their agreement is not known.", soft=True)
    else:
        alpha = said["alpha"]
        texts.line(
            f"Raters agree with alpha {alpha['value']:.2f} [{alpha['low']:.2f}, {alpha['high']:.2f}] on "
            f"{alpha['n']:,} pairs (Krippendorff, ordinal; 1 is perfect, 0 is chance)."
        )
    for name, against in said["judges"].items():
        kappa, same = against["kappa"], against["same"]
        texts.line(
            f"{name} with the majority of people: kappa {kappa['value']:.2f} [{kappa['low']:.2f}, "
            f"{kappa['high']:.2f}], the same in {100 * same['value']:.0f} % [{100 * same['low']:.0f}, "
            f"{100 * same['high']:.0f}] of {kappa['n']:,} pairs."
        )
    if not said["judges"]:
        texts.line("No judge has voted; its votes are read from <arena>.<name>.jsonl in the workspace:", soft=True)
        st.code("evalkit arena judge ARENA --reward RUN --out WORKSPACE/ARENA.judge.jsonl", language=None)


def raters(run: RunRef) -> None:
    """Every rater with their votes, and how they answered the checks."""
    found = loaded(run)
    frame = queries.raters(people().votes(run.id), people().labels(run.id), found.pairs, found.gold)
    if not frame.height:
        return
    table(
        frame,
        alt=f"{frame.height} raters with their votes and checks",
        columns={
            "seconds": st.column_config.NumberColumn("seconds a vote", format="%.1f", help="median"),
            "gold": st.column_config.TextColumn("known pairs right", help="pairs whose better answer is known"),
            "same": st.column_config.TextColumn("same when asked again", help="the same pair, sides turned"),
        },
    )
    if not found.gold:
        texts.line("This arena has no pairs with a known answer; evalkit arena pairs --gold FILE adds them.", soft=True)
