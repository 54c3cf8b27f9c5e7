"""An evaluation as people read it: the table of its numbers, and one item whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.run.rows import ITEMS, SCORES, label, read_rows
from evalkit.run.summarise import estimate_of
from evalkit.statistics.intervals import Estimate
from evalkit.tasks.metrics import metric_of
from workbench.errors import Exit, UserError
from workbench.render import Block, Facts, Table

_FEWEST = 4  # characters by which an item may be named


def number(metric: str, value: float | None) -> str:
    """A value of a metric; what is a share of items stands in percent."""
    if value is None or value != value:
        return "-"
    return f"{100 * value:.1f} %" if metric_of(metric).share else f"{value:.4g}"


def interval(metric: str, found: Estimate) -> str:
    """From where to where the number may lie."""
    return f"{number(metric, found.low)} to {number(metric, found.high)}" if found.low == found.low else "-"


def summary_blocks(summary: Mapping[str, Any]) -> list[Block]:
    """The numbers of a run; tasks whose training split the model has seen stand apart."""
    tasks = summary["tasks"]
    apart = [task for task in tasks if task["seen_in_training"]]
    blocks: list[Block] = []
    for chosen, title in (
        ([task for task in tasks if not task["seen_in_training"]], "Held out" if apart else ""),
        (apart, "Trained on: the model has seen these tasks' training split"),
    ):
        if chosen:
            blocks.append(_numbers(chosen, title))
    blocks += _spread(tasks)
    averages = {name: found for name, found in (summary["averages"] or {}).items() if found is not None}
    if "held_out" in averages and not apart:
        del averages["held_out"]  # the same as of all
    facts = [
        (f"mean of {name.replace('_', '-')} tasks", f"{100 * found['value']:.1f} % ± {50 * _width(found):.1f}")
        for name, found in averages.items()
    ]
    facts += [
        (f"calibration error of {label(task['task'], task['preset'])}", interval_of(task["calibration"]["error"]))
        for task in tasks
        if task.get("calibration") is not None
    ]
    return [*blocks, *([Facts(facts)] if facts else [])]


def interval_of(stored: Mapping[str, Any]) -> str:
    """A share with its interval."""
    found = estimate_of(stored)
    return f"{100 * found.value:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _width(found: Mapping[str, Any]) -> float:
    kept = estimate_of(found)
    return kept.high - kept.low


def _numbers(tasks: Sequence[Mapping[str, Any]], title: str) -> Table:
    columns = ("task", "metric", "value", "95 % interval", "items", "failed", "unscored", "cut")
    rows = []
    for task in tasks:
        counts = (task["failed"], task["unscored"], task["cut"])
        for place, (metric, stored) in enumerate((task["metrics"] or {"-": None}).items()):
            head = (label(task["task"], task["preset"]) if place == 0 else "",)
            tail = counts if place == 0 else ("", "", "")
            if stored is None:
                rows.append((*head, "-", "-", "-", task["scored"], *tail))
                continue
            found = estimate_of(stored)
            rows.append((*head, metric, number(metric, found.value), interval(metric, found), found.n, *tail))
    return Table(columns, rows, title)


def _spread(tasks: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """What the preset alone makes of a task that was run under several."""
    rows = []
    for name in dict.fromkeys(task["task"] for task in tasks):
        of_one = [
            (task["preset"], *next(iter(task["metrics"].items())))
            for task in tasks
            if task["task"] == name and task["metrics"] and not task.get("beside")
        ]
        shares = [(stored["value"], preset) for preset, metric, stored in of_one if metric_of(metric).share]
        if len(shares) > 1:
            (low, lowest), (high, highest) = min(shares), max(shares)
            spread = (f"{100 * low:.1f} %", lowest, f"{100 * high:.1f} %", highest, f"{100 * (high - low):.1f} pt")
            rows.append((name, len(shares), *spread))
    if rows:
        columns = ("task", "presets", "lowest", "under", "highest", "under ", "spread")
        yield Table(columns, rows, "The same items and model under several presets")


def complaints(run: Path, summary: Mapping[str, Any]) -> list[str]:
    """A sentence for each task with rows that have no score, which names the first of them."""
    import polars as pl

    found = []
    for task in summary["tasks"]:
        if not task["failed"] and not task["unscored"] and not task["cut"] and not task["dropped"]:
            continue
        here = (pl.col("task") == task["task"]) & (pl.col("preset") == task["preset"])
        parts = []
        for state in ("failed", "unscored"):
            if task[state]:
                rows = read_rows(run, ITEMS).filter(here, pl.col("state") == state).head(1).collect().to_dicts()[0]
                place = f"{rows['file']}:{rows['line']}"
                parts.append(f"{task[state]:,} of {task['items']:,} items {state}, such as {place}: {rows['reason']}")
        if task["dropped"]:
            parts.append(f"{task['dropped']:,} prompts lost examples to fit the context")
        if task["cut"]:
            parts.append(f"{task['cut']:,} prompts were cut at their beginning")
        found.append(f"{label(task['task'], task['preset'])}: " + "; ".join(parts))
    return found


def find_items(run: Path, named: str, task: str | None = None) -> list[dict[str, Any]]:
    """The rows of the item whose id begins so (one for every preset), with their `scores`; `task`: only of this one.

    Raises UserError where there is none, and where several items begin so.
    """
    import polars as pl

    if len(named) < _FEWEST:
        raise UserError(f"'{named}' is too short to name an item", hint=f"give {_FEWEST} characters of its id")
    rows = read_rows(run, ITEMS).filter(pl.col("item").str.starts_with(named)).collect().to_dicts()
    rows = [row for row in rows if task in (None, row["task"], label(row["task"], row["preset"]))]
    if not rows:
        raise UserError(f"no item '{named}' in {run}", hint="`evalkit show RUN --list` lists them", code=Exit.INPUT)
    ids = sorted({row["item"] for row in rows})
    if len(ids) > 1:
        raise UserError(f"{len(ids)} items begin with '{named}'", hint=" or ".join(ids[:4]))
    scores = read_rows(run, SCORES).filter(pl.col("item") == ids[0]).collect().to_dicts()
    for row in rows:
        row["scores"] = {
            one["metric"]: one["value"]
            for one in scores
            if (one["task"], one["preset"]) == (row["task"], row["preset"])
        }
    return rows


def item_blocks(row: Mapping[str, Any]) -> list[Block]:
    """One item whole; what came from data or from the model is shown with its hidden characters made visible."""
    place = f"{row['file']}:{row['line']}"
    facts = [
        ("item", row["item"]),
        ("task", label(row["task"], row["preset"])),
        ("place", place),
        ("state", row["state"]),
    ]
    facts += [(name, row[name]) for name in ("reason", "cluster", "group") if row[name] is not None]
    facts += [("examples", row["shots"]), ("prompt's SHA-256", row["prompt_hash"] or "-")]
    if row["dropped"] or row["cut"]:
        facts.append(("shortened", f"{row['dropped']} examples left out, {row['cut']} tokens cut"))
    blocks: list[Block] = [Facts(facts)]
    for index, prompt in enumerate(row["prompts"]):
        blocks.append(f"--- prompt{f' of choice {index}' if len(row['prompts']) > 1 else ''} ---\n{prompt}")
    if row["choices"] and row["logprobs"]:
        blocks.append(_choices(row))
    for index, output in enumerate(row["outputs"]):
        blocks.append(f"--- output {index} ({row['ended'][index]}, {row['tokens'][index]} tokens) ---\n{output}")
    if row["answers"]:
        blocks.append("--- right answers ---\n" + "\n".join(row["answers"]))
    if row["extracted"] is not None:
        blocks.append(f"--- extracted ---\n{row['extracted']}")
    blocks.append(Facts([(metric, f"{value:.6g}") for metric, value in row["scores"].items()], title="Scores"))
    return blocks


def _choices(row: Mapping[str, Any]) -> Table:
    alone = row["unconditional"] or [None] * len(row["choices"])
    rows = []
    for index, choice in enumerate(row["choices"]):
        logprob = row["logprobs"][index]
        marks = ("right" if index in row["gold"] else "", "taken" if index == row["predicted"] else "")
        per_char = None if logprob is None else logprob / max(row["chars"][index], 1)
        greedy = row["greedy"][index]
        texts = (*marks, choice, logprob, per_char, alone[index], row["tokens"][index], row["bytes"][index], greedy)
        rows.append((index, *texts))
    columns = ("", "", " ", "choice", "log p", "a character", "alone", "tokens", "bytes", "greedy")
    return Table(columns, rows, "Choices")
