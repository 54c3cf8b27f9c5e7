"""The board of an arena: which ranks the votes allow, how sure they are, and how far raters can be trusted."""

from __future__ import annotations

import contextlib
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import cards, choices, copying, texts, voting
from dashboard.ask import people
from dashboard.charts import arena as pictures
from dashboard.charts import draw
from dashboard.panels import arena_trust
from dashboard.panels.arena_vote import loaded, progress_of
from dashboard.queries import arena as queries
from dashboard.settings import current
from dashboard.tables import table
from dashboard.workspace import RunRef
from evalkit.arena.ballots import Ballot
from workbench.errors import UserError
from workbench.people import Label
from workbench.visible import one_line


def show(run: RunRef, rater: str) -> None:
    """The board, for those who have voted enough to see it, or who will not vote."""
    if not rater:
        cards.problem(
            "The board opens for raters who have voted.",
            "Give your name above. In a terminal: " + shlex.join(["evalkit", "arena", "board", run.id]),
        )
        return
    _, said, at = progress_of(run, rater)
    if not at.open and not said.watching:
        cards.problem(
            f"The board opens after {at.quota:,} votes, not counting checks.",
            "Who has seen it does not vote blindly any more.",
        )
        st.button("I will not vote in this arena: show the board", on_click=partial(_watch, run, rater))
        return
    _board(run)


def _watch(run: RunRef, rater: str) -> None:
    try:
        people().label(Label(run.id, "", voting.BOARD, rater, "seen"))
    except UserError as error:
        st.session_state["arena-tell"] = str(error)


def _files(run: RunRef) -> tuple[tuple[str, int, int], ...]:
    """The votes beside the arena, with what changes when they do."""
    found = []
    for path in queries.vote_files(current().root, run.id):
        with contextlib.suppress(FileNotFoundError):  # it went away since it was listed
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


Key = tuple[Any, ...]


def _key(run: RunRef) -> Key:
    """Everything a figure of the board hangs on: the pairs, the last vote, and the files of votes."""
    return (str(run.path), run.version, people().stamp(run.id), _files(run))


@st.cache_data(max_entries=8, show_spinner="Reading the votes ...")
def _ballots(key: Key, who: str, _run: RunRef) -> tuple[list[Ballot], dict[str, int]]:
    pairs = list(loaded(_run).pairs.values())
    return queries.ballots(people().votes(_run.id), pairs, [Path(name) for name, *_ in key[3]], who)


@st.cache_data(max_entries=32, show_spinner="Fitting the board ...")
def _figures(key: Key, who: str, style: bool, _run: RunRef) -> dict[str, Any]:
    found, _ = _ballots(key, who, _run)
    return queries.board(found, list(loaded(_run).pairs.values()), style=style)


def _board(run: RunRef) -> None:
    key = _key(run)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choices.follow("who", queries.WHO, "all", "kind of rater")
        who = str(st.segmented_control("Votes of", queries.WHO, key="who", required=True))
        choices.keep("who", who)
        style = st.toggle("At equal length and style", key="astyle", bind="query-params")
    with cards.guarded():
        found = _figures(key, who, bool(style), run)
        texts.line(
            f"{found['votes']:,} votes ({found['ties']:,} ties) on {found['prompts']:,} prompts by "
            f"{len(found['raters']):,} raters. Intervals are 95 %, clustered by prompt.",
            soft=True,
        )
        _left_out(key, who, run)
        if not found["connected"]:
            cards.problem(
                "Not all models can be compared: some never lost to the others, or never met them.",
                "each group has a board of its own; more votes between the groups join them",
                serious=True,
            )
        for number, one in enumerate(found["boards"]):
            _ranks(one, number)
        _wins(found["wins"], [name for one in found["boards"] for name in _order(one)])
        arena_trust.show(found)
    with cards.guarded():
        arena_trust.raters(run)
    with cards.guarded():
        _export(run, key)


def _left_out(key: Key, who: str, run: RunRef) -> None:
    _, out = _ballots(key, who, run)
    skipped, others = out.get("skipped", 0), sum(out.values()) - out.get("skipped", 0)
    if out:
        texts.line(f"Not counted: {skipped:,} skipped, {others:,} on checks or pairs of another draw.", soft=True)


def _ranks(one: dict[str, Any], number: int) -> None:
    """One board, its neighbours, and what style is worth where it is held equal."""
    import polars as pl

    if not one["lines"]:
        texts.line(f"{', '.join(one['players'])}: alone, and cannot be ranked.", soft=True)
        return
    frame = pl.DataFrame(
        [
            {
                "rank": _rank(line["best"], line["worst"]),
                "model": line["player"],
                **{name: line[name] for name in ("rating", "low", "high", "bootstrap_low", "bootstrap_high", "elo")},
                "votes": line["votes"],
            }
            for line in one["lines"]
        ],
        infer_schema_length=None,
    )
    best = one["lines"][0]
    alt = f"{frame.height} models; {one_line(best['player'])} is first with {best['rating']:.0f}, "
    alt += (
        f"{best['low']:.0f} to {best['high']:.0f}, {best['votes']:,} votes, rank {_rank(best['best'], best['worst'])}"
    )
    draw.vega(frame, pictures.ratings(frame.height), alt=alt, key=f"arena-ratings-{number}")
    whole = {name: st.column_config.NumberColumn(format="%.0f") for name in ("rating", "low", "high", "elo")}
    drawn = {
        f"bootstrap_{end}": st.column_config.NumberColumn(f"bootstrap {end}", format="%.0f") for end in ("low", "high")
    }
    table(frame, alt=alt, columns={**whole, **drawn, "elo": st.column_config.NumberColumn("Elo", format="%.0f")})
    copying.control(frame, key=f"arena-board-{number}")
    if one["neighbours"]:
        between = pl.DataFrame(
            [
                {
                    "neighbours": f"{pair['above']} over {pair['below']}",
                    "expected wins": f"{100 * pair['chance']:.0f} %",
                    "difference": f"{pair['difference']:.0f} ± {1.96 * pair['error']:.0f}",
                    "votes to tell them apart": _needed(pair["votes_needed"]),
                }
                for pair in one["neighbours"]
            ]
        )
        table(between, alt="; ".join(f"{row[0]}: {row[3]}" for row in between.rows()))
    if one.get("style"):
        effects = pl.DataFrame(one["style"])
        table(effects, alt="what words, headers, lists and bold do to a vote, with standard errors")
        texts.line("Effects are on the log odds of a vote, with their standard errors.", soft=True)


def _order(one: dict[str, Any]) -> list[str]:
    """The models of a board, strongest first."""
    return [line["player"] for line in one["lines"]] or one["players"]


def _rank(best: int, worst: int) -> str:
    return f"{best}" if best == worst else f"{best} to {worst}"


def _needed(votes: int | None) -> str:
    if votes is None:
        return "more than there will be"
    return "told apart" if votes == 0 else f"about {votes:,} more"


def _wins(rows: list[dict[str, Any]], order: list[str]) -> None:
    import polars as pl

    if not rows:
        return
    st.header("Who beat whom", anchor=False)
    frame = pl.DataFrame(rows).with_columns(
        share=(pl.col("won") + pl.col("tied") / 2) / pl.col("n"),
        said=pl.format("{} : {} ({} ties)", "won", "lost", "tied"),
        down=pl.Series([order.index(row["model"]) for row in rows]),
        across=pl.Series([order.index(row["against"]) for row in rows]),
    )
    models = frame["model"].n_unique()
    least = frame.sort("n").row(0, named=True)
    alt = f"Wins of {models} models against each other; the fewest votes are {least['n']:,}, of "
    alt += f"{one_line(least['model'])} against {one_line(least['against'])}"
    if models <= 20:
        draw.vega(frame, pictures.wins(models), alt=alt, key="arena-wins")
    else:
        table(frame.head(500), alt=alt)
    texts.line("Counts are exact: won, lost, tied.", soft=True)


def _export(run: RunRef, key: Key) -> None:
    st.header("Votes as preference data", anchor=False)
    command = ["evalkit", "arena", "export", run.id, *(part for path, *_ in key[3] for part in ("--votes", path))]
    command += ["--out", "preferences.jsonl", "--root", str(current().root)]
    st.code(one_line(shlex.join(command)), language=None, wrap_lines=True)
    st.download_button(
        "Download what it writes",
        data=lambda: queries.exported(_ballots(key, "all", run)[0], list(loaded(run).pairs.values())),
        file_name="preferences.jsonl",
        mime="application/jsonl",
        on_click="ignore",
        key="arena-export",
    )
    texts.line("A line a vote: prompt, a, b, vote, rater, seconds, as train reward and train dpo read them.", soft=True)
