"""Evaluations of other kinds: perplexity, searches for contamination, judges. A card each, with its stored numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import cards, texts
from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.charts.evals import whiskers
from dashboard.queries import evals_others as others
from dashboard.tables import table
from dashboard.workspace import RunRef, Workspace
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

_MOST = 20
_EMPTY = {
    "eval.perplexity": ("No perplexity was measured yet.", "evalkit perplexity MODEL --data FILE"),
    "judge": ("No judge has compared two models yet.", "evalkit judge --help"),
    "eval.contamination.known": (
        "Nothing is known of what models have read of an evaluation.",
        "evalkit contamination known RUN",
    ),
    "eval.contamination.order": ("No test of the order of a file was made yet.", "evalkit contamination order --help"),
    "eval.contamination.membership": (
        "No test of membership was made yet.",
        "evalkit contamination membership --help",
    ),
}


def show(here: Workspace) -> None:
    """The tab of other checks."""
    for kind, (title, function) in _KINDS.items():
        st.header(title, anchor=False)
        runs = here.of(kind)
        if not runs:
            cards.empty(*_EMPTY[kind])
        for run in runs[:_MOST]:
            with st.container(border=True):
                texts.line(run.id, strong=True)
                if not cards.of_run(run):
                    with cards.guarded():
                        function(run)
        if len(runs) > _MOST:
            texts.line(f"The newest {_MOST} of {len(runs):,} runs.", soft=True)


def _perplexity(run: RunRef) -> None:
    import polars as pl

    found = ask(others.perplexity, run).value
    texts.line(
        f"{found['texts']:,} {found['split']} of {found['data']}; bits per byte by {found['by']}, with 95 % intervals.",
        soft=True,
    )
    frame: pl.DataFrame = found["rows"]
    whole = frame.filter(group="all")
    said = "; ".join(f"{row['model']}: {row['said']}" for row in whole.to_dicts())
    most = frame.filter(pl.col("value").is_not_null()).sort("order", maintain_order=True).head(60)
    draw.vega(
        most.select("value", "low", "high", "said", name=pl.format("{} · {}", "group", "model"), n="scored"),
        whiskers("bits per byte, 95 % interval", rows=most.height, share=False),
        alt=f"Bits per byte by {found['by']}: {one_line(said)}",
        key=f"evals-perplexity-{run.id}",
    )
    table(
        frame.drop("order"), alt=f"bits per byte of {frame.height} groups; {one_line(said)}", key=f"evals-ppl-{run.id}"
    )
    for note in found["compared"]:
        texts.line(note)


def _facts(function: Callable[..., pl.DataFrame], what: str) -> Callable[[RunRef], None]:
    def show_facts(run: RunRef) -> None:
        rows = ask(function, run).value
        first = rows.row(0) if rows.height else ()
        alt = f"{what}: {rows.height} numbers; {one_line(' '.join(str(each) for each in first if each is not None))}"
        table(rows, alt=alt, key=f"evals-{run.kind}-{run.id}")

    return show_facts


_KINDS: dict[str, tuple[str, Callable[[RunRef], Any]]] = {
    "eval.perplexity": ("Perplexity", _perplexity),
    "judge": ("Judges", _facts(others.judged, "win rates")),
    "eval.contamination.known": (
        "What models have read of their evaluations",
        _facts(others.known, "items found and scores with and without them"),
    ),
    "eval.contamination.order": ("Does a model know the order of a file?", _facts(others.order, "order of a file")),
    "eval.contamination.membership": (
        "Does a model know the documents it was shown?",
        _facts(others.membership, "membership"),
    ),
}
