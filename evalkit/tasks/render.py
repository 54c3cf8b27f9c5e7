"""From items to requests: the exact texts that a model is asked, with their examples, and what happens when they are
too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from evalkit.models.types import Pair, Prompt
from evalkit.tasks.items import Item, with_letters
from evalkit.tasks.schema import Task
from evalkit.tasks.shots import draw
from evalkit.tasks.templates import TemplateProblem, evaluate, render

Count = Callable[[Sequence[str]], list[int]]
Role = Literal["choice", "unconditional", "generation", "rolling"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of an item: `index` is that of the choice (0 where there is but one request of the role)."""

    role: Role
    index: int
    request: Pair | Prompt | str


class Rendered(NamedTuple):
    """All requests of an item.

    prompts: the contexts: one, or one for every choice. choices: the scored texts without delimiter; chars and sizes:
    characters and bytes of UTF-8 of each. shots: examples in the prompt; dropped: examples left out because the
    prompt did not fit. problem: why nothing is asked.
    """

    asked: tuple[Asked, ...]
    prompts: tuple[str, ...]
    choices: tuple[str, ...] = ()
    chars: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    shots: int = 0
    dropped: int = 0
    problem: str | None = None


def render_items(
    task: Task,
    items: Sequence[Item],
    pool: Sequence[Item] = (),
    *,
    chat: bool = False,
    count: Count | None = None,
    context: int | None = None,
    pool_is_items: bool = False,
    among: Sequence[Item] | None = None,
    contexts: Sequence[str] | None = None,
) -> list[Rendered]:
    """The requests of every item.

    pool: where examples come from (with `pool_is_items`, the items themselves). among: all items of the data, where
    `items` are some of them; draws that go from item to item need them. chat: generation prompts are
    conversations of one turn. count and context: tokens of texts and the model's positions; with them, a task whose
    rule is `drop` leaves out its last examples until prompt and answer fit. What does not fit then is cut from the
    left by the model, which says so (`cut`). contexts: a text for each item that stands between the examples and the
    question; none before texts that are read whole.
    """
    chosen = draw(task, items, items if pool_is_items else pool, items if among is None else among)
    said = [""] * len(items) if contexts is None else contexts
    found = [_one(task, item, shots, chat, text) for item, shots, text in zip(items, chosen, said, strict=True)]
    if task.shots.fit == "drop" and count is not None:
        _drop(task, items, chosen, said, found, chat, count, context)
    return found


def _drop(
    task: Task,
    items: Sequence[Item],
    chosen: Sequence[Sequence[Item]],
    said: Sequence[str],
    found: list[Rendered],
    chat: bool,
    count: Count,
    context: int | None,
) -> None:
    """Leave out examples, the last first, where a prompt with its answer is longer than the context, or the prompt
    alone longer than the task's own room."""
    room = task.shots.room
    waiting = [number for number, each in enumerate(found) if each.problem is None and each.shots]
    while waiting:
        too_long: set[int] = set()
        if context is not None:
            over = is_too_long(task, [found[number] for number in waiting], count, context)
            too_long |= {number for number, long in zip(waiting, over, strict=True) if long}
        if room is not None:
            sizes = count([max(found[number].prompts, key=len) for number in waiting])
            too_long |= {number for number, size in zip(waiting, sizes, strict=True) if size > room}
        for number in sorted(too_long):
            kept = chosen[number][: found[number].shots - 1]
            shorter = _one(task, items[number], kept, chat, said[number])
            found[number] = shorter._replace(dropped=len(chosen[number]) - len(kept))
        waiting = [number for number in sorted(too_long) if found[number].shots]


def is_too_long(task: Task, rendered: Sequence[Rendered], count: Count, context: int) -> list[bool]:
    """Whether the longest prompt of each item, with its answer, has more tokens than the context has positions."""
    answer = task.decoding.max_new if task.formulation == "generate" else 0
    return [size + answer > context for size in count([_longest(each) for each in rendered])]


def _longest(rendered: Rendered) -> str:
    texts = [
        asked.request.context + asked.request.continuation
        for asked in rendered.asked
        if isinstance(asked.request, Pair) and asked.role == "choice"
    ]
    return max(texts, key=len) if texts else rendered.prompts[0]


def _one(task: Task, item: Item, shots: Sequence[Item], chat: bool, context: str) -> Rendered:
    if item.problem is not None:
        return Rendered((), (), problem=item.problem)
    try:
        if task.formulation == "rolling":
            text = render(task.prompt, item.fields)
            return Rendered((Asked("rolling", 0, text),), (text,))
        before = beginning(task, item, shots) + context
        if task.formulation == "generate":
            prompt = before + render(task.prompt, with_letters(item.fields))
            said = ({"role": "user", "content": prompt},) if chat else prompt
            return Rendered((Asked("generation", 0, Prompt(said)),), (prompt,), shots=len(shots))
        return _choices(task, item, before, len(shots))
    except TemplateProblem as error:
        return Rendered((), (), problem=str(error))


def beginning(task: Task, item: Item, shots: Sequence[Item]) -> str:
    """What stands before the question: the header and the examples."""
    text = render(task.header, with_letters(item.fields)) if task.header else ""
    return text + "".join(_example(task, shot) + task.shots.separator for shot in shots)


def _example(task: Task, shot: Item) -> str:
    fields = with_letters(shot.fields)
    right = shot.gold[0] if shot.gold else 0
    prompt = render(task.prompt, fields) if task.contexts is None else contexts_of(task, shot)[right]
    if task.target is not None:
        return prompt + task.delimiter + render(task.target, fields)
    texts = shot.choices if task.formulation == "choice" else shot.answers
    return prompt + task.delimiter + texts[right if task.formulation == "choice" else 0]


def contexts_of(task: Task, item: Item) -> list[str]:
    """The contexts of a task that has one for every choice. Raises TemplateProblem."""
    assert task.contexts is not None
    contexts = evaluate(task.contexts, with_letters(item.fields))
    if not isinstance(contexts, list) or len(contexts) != len(item.choices):
        raise TemplateProblem(f"contexts: not one for each of the {len(item.choices)} choices")
    return [str(context) for context in contexts]


def _choices(task: Task, item: Item, before: str, shots: int) -> Rendered:
    if task.contexts is None:
        prompts: tuple[str, ...] = (before + render(task.prompt, with_letters(item.fields)),)
        contexts = prompts * len(item.choices)
    else:
        prompts = contexts = tuple(before + context for context in contexts_of(task, item))
    asked = [
        Asked("choice", index, Pair(context, task.delimiter + choice))
        for index, (context, choice) in enumerate(zip(contexts, item.choices, strict=True))
    ]
    if "acc_mutual_info" in task.metrics:
        alone = render(task.unconditional, with_letters(item.fields)) if task.unconditional else ""
        asked += [
            Asked("unconditional", index, Pair(alone, task.delimiter + choice))
            for index, choice in enumerate(item.choices)
        ]
    return Rendered(
        tuple(asked),
        prompts,
        item.choices,
        tuple(map(len, item.choices)),
        tuple(len(choice.encode("utf-8", "surrogatepass")) for choice in item.choices),
        shots,
    )
