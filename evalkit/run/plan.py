"""What an evaluation asks: tasks, their items, and every request, before a model is asked anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import xxhash

from evalkit.models.types import Decoding, Model, Pair, Prompt, Windows
from evalkit.retrieval.augment import Retrieved, Ways
from evalkit.run.ask import NEEDS
from evalkit.run.keys import Continued, Read, Request, text_digest
from evalkit.run.settings import EvalSettings, wanted
from evalkit.run.sources import Source, rows_of
from evalkit.tasks import Item, Rendered, Sources, Task, read_items, render_items
from evalkit.tasks.render import Asked
from evalkit.tasks.tools import Tools
from workbench.errors import Exit, UserError


@dataclass(frozen=True, slots=True)
class Planned:
    """A task with all that is asked of it.

    digest: of the task and of what scores it. items, rendered: in the order of the data, after `limit`. source: where
    the rows come from. examples: where those of the prompts come from, if from elsewhere. beside: the preset of which
    this is a further way to ask it, if it is one. retrieved: of each item, where a corpus was searched.
    """

    task: Task
    digest: str
    source: Source
    examples: Source | None
    items: list[Item]
    rendered: list[Rendered]
    windows: Windows
    seed: int
    beside: str | None = None
    retrieved: Sequence[Retrieved | None] | None = None

    def of_item(self, number: int) -> list[Request]:
        """The requests of an item, in the order in which its answers are scored; none where it cannot be asked."""
        return [self._request(asked) for asked in self.rendered[number].asked]

    def requests(self) -> Iterator[Request]:
        """Those of all items; equal ones come again."""
        for number in range(len(self.items)):
            yield from self.of_item(number)

    def prompt_hash(self, number: int) -> str | None:
        """SHA-256 of what an item is asked, whatever the seed; None where it cannot be."""
        asked = self.rendered[number].asked
        if not asked:
            return None
        how = asdict(_decoding(self.task)) if self.task.formulation == "generate" else None
        said = [(each.role, each.index, _plain(each)) for each in asked]
        return text_digest(json.dumps([how, said], sort_keys=True))

    def _request(self, asked: Asked) -> Request:
        if isinstance(asked.request, Prompt):
            return Continued(asked.request, _decoding(self.task), self.seed)
        return Read(asked.request, self.windows) if isinstance(asked.request, str) else asked.request


def _plain(asked: Asked) -> object:
    return asked.request if isinstance(asked.request, str) else asdict(asked.request)


def _decoding(task: Task) -> Decoding:
    return Decoding(**task.decoding.model_dump())


def plan(settings: EvalSettings, model: Model, tools: Tools, base: Path, ways: Ways | None = None) -> list[Planned]:
    """Read and render every task that the settings name, for this model.

    base: what paths in the settings are relative to. ways: in which tasks are asked besides. Raises UserError for
    unknown tasks and data that are not there, and (exit 2) where a task asks for what the model cannot do.
    """
    tasks, sources = wanted(settings, base)
    return [one for task in tasks for one in _planned(settings, task, tools.digest(task), sources, model, ways)]


def _planned(
    settings: EvalSettings, task: Task, digest: str, sources: Sources, model: Model, ways: Ways | None
) -> Iterator[Planned]:
    source, rows = rows_of(task, sources)
    everything = read_items(task, rows)
    if not everything:
        raise UserError(f"{task.label}: there are no rows in {source.name}", hint="check the file", code=Exit.INPUT)
    examples, pool = None, everything
    if task.shots.count and task.shots.source is not None:
        examples, rows = rows_of(task, sources, shots=True)
        pool = read_items(task, rows)
    items = chosen(everything, settings.limit, settings.seed)
    chat = task.chat and "chat" in model.can
    rendered = render_items(task, items, pool, among=everything, chat=chat, count=model.count, context=model.context)
    _check(task, model, rendered)
    windows = Windows(bos=settings.text_bos)
    first = Planned(task, digest, source, examples, items, rendered, windows, settings.seed)
    yield first
    if ways is not None:
        for way in ways.of(task, digest, items, pool, everything, chat=chat, count=model.count, context=model.context):
            yield replace(first, **way._asdict(), beside=task.preset)


def chosen(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """At most `limit` items, drawn by (seed, id): the same for every model and preset; in the order of the data."""
    if limit is None or limit >= len(items):
        return list(items)
    drawn = sorted(items, key=lambda item: (xxhash.xxh3_64_intdigest(f"{seed}|{item.id}".encode()), item.row))
    return sorted(drawn[:limit], key=lambda item: item.row)


_WORDS = {"loglikelihood": "log-likelihoods of given texts", "generate": "generation", "rolling": "whole texts read"}


def _check(task: Task, model: Model, rendered: Sequence[Rendered]) -> None:
    kinds = {Pair: Pair, Prompt: Continued, str: Read}
    wanted = {NEEDS[kinds[type(asked.request)]] for each in rendered for asked in each.asked}
    for need in sorted(wanted - model.can):
        hint = "`evalkit tasks` shows each task's formulation; mmlu@helm, for one, asks by generation"
        raise UserError(f"{task.label} needs {_WORDS[need]}, which {model.name} does not offer", hint=hint)
