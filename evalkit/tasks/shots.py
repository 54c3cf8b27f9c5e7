"""Which examples stand before a question: drawn by a rule, whatever the order in which items are asked."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle

import xxhash

from evalkit.tasks.items import Item
from evalkit.tasks.schema import Shots
from workbench.errors import Exit, UserError


def draw(settings: Shots, items: Sequence[Item], pool: Sequence[Item], task: str) -> list[list[Item]]:
    """The examples of every item, in the order in which they stand. An item is no example of itself.

    Raises UserError where the pool has too few.
    """
    if not settings.count:
        return [[] for _ in items]
    sound = [each for each in pool if each.problem is None]
    pools: dict[object, list[Item]] = defaultdict(list)
    groups: dict[object, list[int]] = defaultdict(list)
    for each in sound:
        pools[_same(settings, each)].append(each)
    for number, item in enumerate(items):
        groups[_same(settings, item)].append(number)
    found: list[list[Item]] = [[] for _ in items]
    for value, numbers in groups.items():
        drawn = _group(settings, [items[number] for number in numbers], pools.get(value, []), task, value)
        for number, examples in zip(numbers, drawn, strict=True):
            found[number] = examples
    return found


def _same(settings: Shots, item: Item) -> object:
    return None if settings.same is None else str(item.fields.get(settings.same))


def _group(settings: Shots, items: list[Item], pool: list[Item], task: str, value: object) -> list[list[Item]]:
    if settings.order == "harness-2023":
        return _harness(settings, items, pool)
    if settings.order == "helm":
        chosen = helm(pool, settings.count, settings.seed)
        return [chosen for _ in items]
    ranked = _ranked(settings, pool, f"{task}|{value}")
    found = []
    for item in items:
        others = ranked[: settings.count]
        if settings.order == "each":
            others = _anew(settings, _without(pool, item), f"{task}|{item.id}")
        elif any(each.id == item.id for each in others):
            others = _ranked(settings, _without(pool, item), f"{task}|{value}")[: settings.count]
        if item.problem is None and len(others) < settings.count:
            what = f"{task}: {settings.count} examples are wanted" + ("" if value is None else f" for {value}")
            hint = (
                f"there are {len(others)}; name a file of examples with --data {task}:shots=FILE, or take fewer shots"
            )
            raise UserError(what, hint=hint, code=Exit.INPUT)
        found.append(others)
    return found


def _without(pool: list[Item], item: Item) -> list[Item]:
    return [each for each in pool if each.id != item.id]


def _ranked(settings: Shots, pool: list[Item], name: str) -> list[Item]:
    if settings.order in ("first", "each"):
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


def _anew(settings: Shots, pool: list[Item], name: str) -> list[Item]:
    """Different examples drawn for one item, without a look at the whole pool."""
    chosen: dict[int, None] = {}
    turn = 0
    while len(chosen) < min(settings.count, len(pool)):
        chosen[_chance(settings, f"{name}|{turn}") % len(pool)] = None
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


def _harness(settings: Shots, items: list[Item], pool: list[Item]) -> list[list[Item]]:
    """The draw of lm-evaluation-harness at e47e01b: items shuffled by seed 42, then count + 1 drawn for each in turn,
    itself left out and the rest cut. (evaluator.py 195-216, base.py, fewshot_context without training documents.)"""
    generator = random.Random(42)
    order = list(range(len(items)))
    generator.shuffle(order)
    found: list[list[Item]] = [[] for _ in items]
    for number in order:
        drawn = generator.sample(pool, min(settings.count + 1, len(pool)))
        found[number] = [each for each in drawn if each.id != items[number].id][: settings.count]
    return found
