"""The items of an evaluation as texts to look for: what was asked without examples, and the right answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from curate.contamination.items import MOST_CHARACTERS
from curate.contamination.items import Item as Sought
from evalkit.models.mock import Mock
from evalkit.models.types import Pair, Prompt
from evalkit.run.plan import Planned, plan
from evalkit.run.rows import ITEMS, read_rows
from evalkit.run.settings import EvalSettings
from evalkit.tasks.tools import Tools
from workbench.errors import Exit, UserError

_LEAST_ANSWER = 2  # characters; a letter stands everywhere


class Wanted(NamedTuple):
    """An item: its task and id, and the texts by which it is known. place: its number among the texts looked for."""

    task: str
    item: str
    question: str
    answer: str
    place: int


def settings_of(run: Path) -> EvalSettings:
    """What an evaluation was asked to do. UserError (exit 4) where it is none."""
    try:
        recipe = yaml.safe_load((run / "recipe.yaml").read_text("utf-8"))
        return EvalSettings.model_validate({**recipe["evaluation"], "server": {}})
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        hint = "name a run of `evalkit run`"
        raise UserError(f"{run} is no evaluation", hint=hint, code=Exit.INPUT) from None


def wanted_items(run: Path, settings: EvalSettings, root: Path, base: Path) -> list[Wanted]:
    """The items of a finished evaluation, each once, whatever its presets.

    Where examples stood in the prompts, the items are read and rendered again without: from the same files, which
    have to be there. Rows that could not be asked are left out. base: what paths of the settings are relative to.
    """
    import polars as pl

    rows = read_rows(run, ITEMS).filter(pl.col("prompts").list.len() > 0).collect()
    with_examples = rows.filter(pl.col("shots") > 0)
    bare = _without_examples(settings, root, base) if with_examples.height else {}
    found: dict[tuple[str, str], Wanted] = {}
    places: dict[tuple[str, str], int] = {}
    for row in rows.iter_rows(named=True):
        name = row["task"], row["item"]
        if name in found:
            continue
        prompts = row["prompts"]
        if row["shots"]:
            if name not in bare:
                hint = "evaluate once more with --shots 0, on the files that are there now, and name that run"
                raise UserError(f"item {row['item']} of {row['task']} is not in its file", hint=hint, code=Exit.INPUT)
            prompts = bare[name]
        question, answer = texts_of(row, prompts)
        place = places.setdefault((question, answer), len(places))
        found[name] = Wanted(*name, question, answer, place)
    if not found:
        raise UserError(f"{run} has no items with a prompt", hint="evaluate a task", code=Exit.INPUT)
    return list(found.values())


def texts_of(row: Mapping[str, Any], prompts: list[str]) -> tuple[str, str]:
    """The prompt of the right choice, or the only one, and the right choice or answer (empty where there is none)."""
    gold = row["gold"][0] if row["gold"] else None
    prompt = prompts[gold if gold is not None and gold < len(prompts) else 0]
    if gold is not None and gold < len(row["choices"]):
        answer = row["choices"][gold]
    else:
        answer = row["answers"][0] if row["answers"] else ""
    return prompt, answer


def planned_bare(settings: EvalSettings, root: Path, base: Path) -> list[Planned]:
    """The items read and rendered once more, without examples; no model is asked."""
    changed = settings.model_copy(update={"shots": 0})
    with Tools(root) as tools:
        return plan(changed, Mock(0), tools, base)


def _without_examples(settings: EvalSettings, root: Path, base: Path) -> dict[tuple[str, str], list[str]]:
    return {
        (one.task.name, item.id): list(rendered.prompts)
        for one in planned_bare(settings, root, base)
        for item, rendered in zip(one.items, one.rendered, strict=True)
        if rendered.prompts
    }


def said_right(planned: Planned, number: int) -> str | None:
    """An item as a text in which it is answered right: its prompt and the right choice or answer, or the text that is
    read; None where it has no right answer, or could not be asked."""
    item, rendered = planned.items[number], planned.rendered[number]
    if rendered.problem is not None:
        return None
    for asked in rendered.asked:
        request = asked.request
        if isinstance(request, str):
            return request
        if isinstance(request, Pair) and asked.role == "choice" and asked.index in item.gold:
            return request.context + request.continuation
        if isinstance(request, Prompt) and item.answers and isinstance(request.said, str):
            blank = "" if request.said.endswith((" ", "\n")) else " "
            return f"{request.said}{blank}{item.answers[0]}"
    return None


def sought(wanted: Iterable[Wanted]) -> list[Sought]:
    """Each text once, in the order of its place."""
    by_place = {one.place: one for one in wanted}
    found = []
    for place in range(len(by_place)):
        one = by_place[place]
        answer = one.answer if len(one.answer.strip()) >= _LEAST_ANSWER else ""
        found.append(Sought(one.task, place, one.question[:MOST_CHARACTERS], answer))
    return found
