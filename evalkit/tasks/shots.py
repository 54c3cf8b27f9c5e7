"""Which examples stand before a question: drawn by a rule, whatever the order in which items are asked."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle

import xxhash

from evalkit.tasks.items import Item
from evalkit.tasks.schema import Shots, Task
from workbench.errors import Exit, UserError

IN_TURN = {"harness-2023", "lm-eval"}
"""Orders that draw for one item after the other from one generator, so that every item before it counts."""


def draw(task: Task, items: Sequence[Item], pool: Sequence[Item], among: Sequence[Item]) -> list[list[Item]]:
    """The examples of every item, in the order in which they stand. An item is no example of itself.

    among: all items of the task's data, of which `items` are some. Raises UserError where the pool has too few.
    """
    settings = task.shots
    if not settings.count:
        return [[] for _ in items]
    pools, groups = _grouped(settings, [each for each in pool if each.problem is None]), _grouped(settings, items)
    everything = _grouped(settings, among) if settings.order in IN_TURN else groups
    found: dict[int, list[Item]] = {}
    for value, group in everything.items():
        drawn = _group(task, group, pools.get(value, []), value)
        found |= {item.row: examples for item, examples in zip(group, drawn, strict=True)}
    for item in items:
        if item.problem is None and len(found[item.row]) < settings.count:
            value = _same(settings, item)
            what = f"{task.name}: {settings.count} examples are wanted" + ("" if value is None else f" for {value}")
            hint = f"name a file of examples with --data {task.name}:shots=FILE, or take fewer shots"
            raise UserError(f"{what}, there are {len(found[item.row])}", hint=hint, code=Exit.INPUT)
    return [found[item.row] for item in items]


def _grouped(settings: Shots, items: Sequence[Item]) -> dict[object, list[Item]]:
    groups: dict[object, list[Item]] = defaultdict(list)
    for item in items:
        groups[_same(settings, item)].append(item)
    return groups


def _same(settings: Shots, item: Item) -> object:
    return None if settings.same is None else str(item.fields.get(settings.same))


def _group(task: Task, items: list[Item], pool: list[Item], value: object) -> list[list[Item]]:
    settings = task.shots
    if settings.order in IN_TURN:
        return _in_turn(task, items, pool)
    if settings.order == "helm":
        chosen = helm(pool, settings.count, settings.seed)
        known = {each.id for each in chosen}
        return [
            helm(_without(pool, item), settings.count, settings.seed) if item.id in known else chosen for item in items
        ]
    if settings.order == "each":
        places: dict[str, list[int]] = defaultdict(list)
        for number, each in enumerate(pool):
            places[each.id].append(number)
        return [_anew(settings, pool, places.get(item.id, []), f"{task.name}|{item.id}") for item in items]
    ranked = _ranked(settings, pool, f"{task.name}|{value}")
    found = []
    for item in items:
        others = ranked[: settings.count]
        if any(each.id == item.id for each in others):
            others = _ranked(settings, _without(pool, item), f"{task.name}|{value}")[: settings.count]
        found.append(others)
    return found


def _without(pool: list[Item], item: Item) -> list[Item]:
    return [each for each in pool if each.id != item.id]


def _ranked(settings: Shots, pool: list[Item], name: str) -> list[Item]:
    if settings.order == "first":
        return pool
    drawn = sorted(pool, key=lambda item: _chance(settings, f"{name}|{item.id}"))
    if settings.order != "balanced":
        return drawn
    answers: dict[object, list[Item]] = defaultdict(list)
    for item in drawn:
        answers[item.gold or item.answers].append(item)
    turns = list(answers.values())
    depth = max(map(len, turns), default=0)
    return [answer[turn] for turn in range(depth) for answer in turns if turn < len(answer)]


def _anew(settings: Shots, pool: list[Item], out: list[int], name: str) -> list[Item]:
    """Different examples drawn for one item, without a look at the whole pool; out: places in it that are left out, in
    their order."""
    chosen: dict[int, None] = {}
    turn, left = 0, len(pool) - len(out)
    while len(chosen) < min(settings.count, left):
        place = _chance(settings, f"{name}|{turn}") % left
        for gap in out:
            place += place >= gap
        chosen[place] = None
        turn += 1
    return [pool[place] for place in chosen]


def _chance(settings: Shots, name: str) -> int:
    return int(xxhash.xxh3_64_intdigest(f"{settings.seed}|{name}".encode()))


def helm(pool: Sequence[Item], count: int, seed: int) -> list[Item]:
    """HELM's draw (cab5d89, in_context_learning_adapter.py, sample_examples): answers by how many have them, ties
    shuffled, one of each in turn. The label is the text of the first right choice."""
    generator = random.Random(seed)
    labelled: dict[str, list[Item]] = defaultdict(list)
    for item in pool:
        labelled[_label(item)].append(item)
    by_count: dict[int, list[str]] = defaultdict(list)
    for label, having in sorted(labelled.items()):
        by_count[len(having)].append(label)
    labels: list[str] = []
    for size in sorted(by_count, reverse=True):
        tied = by_count[size]
        generator.shuffle(tied)
        labels.extend(tied)
    left, chosen = min(len(pool), count), list[Item]()
    for label in cycle(labels):
        if left == 0:
            break
        having = labelled[label]
        if having:
            chosen.append(having.pop(generator.randrange(len(having))))
            left -= 1
    return chosen


def _label(item: Item) -> str:
    listed = item.fields.get("choices")
    texts = listed if isinstance(listed, list) else list(item.choices)
    gold = item.fields.get("gold", item.gold[0] if item.gold else 0)
    return str(texts[gold if isinstance(gold, int) else gold[0]])


def _in_turn(task: Task, items: list[Item], pool: list[Item]) -> list[list[Item]]:
    """The draws of lm-evaluation-harness, from one generator for all items.

    harness-2023, at e47e01b (evaluator.py 195-216; base.py, fewshot_context without training documents): items are
    shuffled by seed 42; for each, count + 1 are drawn, itself left out and the rest cut. lm-eval, 0.4.13
    (api/samplers.py): items in their order, from the task's seed (lm-eval's own default is 1234); one more is drawn
    where examples come from the items themselves, and where a task has no split called test (api/task.py 981 compares
    two names that are then both unset).
    """
    settings = task.shots
    old = settings.order == "harness-2023"
    generator = random.Random(42 if old else settings.seed)
    order = list(range(len(items)))
    if old:
        generator.shuffle(order)
    own = old or settings.source is None or task.data.split != "test"
    found: list[list[Item]] = [[] for _ in items]
    for number in order:
        drawn = generator.sample(pool, min(settings.count + own, len(pool)))
        found[number] = [each for each in drawn if not own or each.id != items[number].id][: settings.count]
    return found
