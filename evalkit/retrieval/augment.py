"""A task asked in further ways: without the passage it comes with, and with what was found in a corpus.

What was found is data. It enters prompts as a value, never as a template, and is never interpreted.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from curate.search.words import prepare
from evalkit.retrieval.passages import Passage, Retriever, Told
from evalkit.retrieval.settings import Retrieve
from evalkit.tasks.items import Item, with_letters
from evalkit.tasks.render import Count, Rendered, contexts_of, is_too_long, render_items
from evalkit.tasks.schema import Task
from evalkit.tasks.templates import TemplateProblem, render
from workbench.errors import UserError

CLOSED = "closed"
_WORD = re.compile(r"\w+")


class Retrieved(NamedTuple):
    """What was found for an item. used: how many of the passages, the best ones, stand in its prompt; the others did
    not fit. answered: whether a right answer stands in those, word for word."""

    query: str
    passages: tuple[Passage, ...]
    used: int
    answered: bool


class Way(NamedTuple):
    """A task under a further preset. retrieved: None where nothing was looked for."""

    task: Task
    digest: str
    items: list[Item]
    rendered: list[Rendered]
    retrieved: list[Retrieved | None] | None


@dataclass(frozen=True, slots=True)
class Ways:
    """How tasks are asked besides their own way. told hears of long work."""

    settings: Retrieve
    retriever: Retriever
    told: Told

    def of(
        self,
        task: Task,
        digest: str,
        items: Sequence[Item],
        pool: Sequence[Item],
        among: Sequence[Item],
        *,
        chat: bool,
        count: Count,
        context: int | None,
    ) -> Iterator[Way]:
        """`task@preset+closed`, where the task has a passage of its own, which is then empty; and `task@preset+bm25` or
        `+embedding`, without that passage and with documents of the corpus. Texts that are read whole have neither."""
        if task.formulation == "rolling":
            return
        if task.passage is not None:
            items, pool, among = (_without(task.passage, some) for some in (items, pool, among))
            rendered = render_items(task, items, pool, among=among, chat=chat, count=count, context=context)
            yield Way(_named(task, CLOSED), _digest(digest, CLOSED), list(items), rendered, None)
        items, found = self._found(task, items)
        kept = self._kept(task, items, found, pool, among, chat, count, context)
        said = [self._said(passages[:most]) for passages, most in zip(found, kept, strict=True)]
        rendered = render_items(task, items, pool, among=among, chat=chat, count=count, context=context, contexts=said)
        retrieved = [
            None if one.problem else Retrieved(_query(task, item, self.settings.query), tuple(passages), most, answered)
            for one, item, passages, most, answered in zip(
                rendered, items, found, kept, map(_answered, items, found, kept), strict=True
            )
        ]
        how = self.settings.model_dump(mode="json", exclude={"corpus", "model"})
        digest = _digest(digest, json.dumps([self.retriever.digest, how], sort_keys=True))
        yield Way(_named(task, self.settings.by), digest, list(items), rendered, retrieved)

    def _found(self, task: Task, items: Sequence[Item]) -> tuple[list[Item], list[list[Passage]]]:
        """The passages of every item; an item for which nothing can be looked for has a problem."""
        asked, queries = list(items), dict[int, str]()
        for number, item in enumerate(items):
            try:
                if item.problem is None:
                    queries[number] = _query(task, item, self.settings.query)
            except TemplateProblem as error:
                asked[number] = replace(item, problem=f"retrieve.query: {error}")
        found = self.retriever.find(list(queries.values()), self.settings.k, self.told)
        by_number = dict(zip(queries, found, strict=True))
        return asked, [by_number.get(number, []) for number in range(len(asked))]

    def _kept(
        self,
        task: Task,
        items: Sequence[Item],
        found: Sequence[Sequence[Passage]],
        pool: Sequence[Item],
        among: Sequence[Item],
        chat: bool,
        count: Count,
        context: int | None,
    ) -> list[int]:
        """How many passages of each item fit into the context with its examples, its question and the answer."""
        kept = list(map(len, found))
        waiting = [number for number, passages in enumerate(found) if passages] if context is not None else []
        while waiting and context is not None:
            said = [self._said(found[number][: kept[number]]) for number in waiting]
            some = [items[number] for number in waiting]
            rendered = render_items(task, some, pool, among=among, chat=chat, contexts=said)
            good = [(number, one) for number, one in zip(waiting, rendered, strict=True) if one.problem is None]
            over = is_too_long(task, [one for _, one in good], count, context)
            too_long = [number for (number, _), long in zip(good, over, strict=True) if long]
            for number in too_long:
                kept[number] -= 1
            waiting = [number for number in too_long if kept[number]]
        return kept

    def _said(self, passages: Sequence[Passage]) -> str:
        if not passages:
            return ""
        documents = [{"text": one.text, "id": one.id, "url": one.url or ""} for one in passages]
        try:
            return render(self.settings.template, {"documents": documents})
        except TemplateProblem as error:
            hint = "`documents` have text, id and url"
            raise UserError(f"retrieve.template: {error}", hint=hint) from None


def _named(task: Task, way: str) -> Task:
    return task.model_copy(update={"preset": f"{task.preset}+{way}"})


def _digest(task: str, way: str) -> str:
    return hashlib.sha256(f"{task} {way}".encode()).hexdigest()


def _without(field: str, items: Iterable[Item]) -> list[Item]:
    return [replace(item, fields={**item.fields, field: ""}) if field in item.fields else item for item in items]


def _query(task: Task, item: Item, template: str | None) -> str:
    """What is looked for; of a task with a context for each choice all of them, so that none has an advantage."""
    if template is None and task.contexts is not None:
        return "\n".join(contexts_of(task, item))
    return render(task.prompt if template is None else template, with_letters(item.fields))


def _answered(item: Item, passages: Sequence[Passage], used: int) -> bool:
    said = [_words(one.text) for one in passages[:used]]
    right = [words for words in map(_words, _right(item)) if words.strip()]
    return any(words in text for words in right for text in said)


def _right(item: Item) -> list[str]:
    """The right answers as texts, also where a model is asked for their letters."""
    choices = item.fields.get("choices")
    texts = choices if isinstance(choices, list) and len(choices) >= len(item.choices) else item.choices
    return [str(texts[place]) for place in item.gold] + list(item.answers)


def _words(text: str) -> str:
    """The words in small letters between blanks; of scripts without blanks every sign."""
    return f" {' '.join(_WORD.findall(prepare(unicodedata.normalize('NFKC', text).casefold())))} "
