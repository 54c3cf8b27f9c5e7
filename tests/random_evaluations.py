"""Evaluations whose model, tasks, data and settings change at random, all of them on one store of answers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from hashed_model import HashedModel
from small_tasks import write_tasks

from evalkit.run.ask import Asker
from evalkit.run.make import Evaluation
from evalkit.run.plan import Planned
from evalkit.run.settings import EvalSettings
from evalkit.run.store import Store
from evalkit.run.tables import write_tables
from evalkit.tasks.tools import Tools

ITEMS = 8


def _model(draw: random.Random, state: dict[str, Any]) -> None:
    state["weights"] = draw.choice("abc")


def _settings(draw: random.Random, state: dict[str, Any]) -> None:
    name, values = draw.choice(
        [("shots", [None, 0, 1, 3]), ("limit", [None, 3, 5]), ("seed", [0, 1]), ("text_bos", ["context", "none"])]
    )
    state["settings"][name] = draw.choice(values)


def _task(draw: random.Random, state: dict[str, Any]) -> None:
    changes: list[dict[str, Any]] = [
        {"sums": {"decoding": {"n": draw.choice([1, 2])}}},
        {"sums": {"decoding": {"temperature": draw.choice([0.0, 0.5, 1.0])}}},
        {"sums": {"decoding": {"stop": draw.choice([[], ["\n"], [" "]])}}},
        {"sums": {"prompt": draw.choice(["{{question}} =", "{{question}} = "])}},
        {"colours": {"delimiter": draw.choice([" ", ""])}},
        {"colours": {"header": draw.choice(["", "Answer.\n\n"])}},
        {"colours": {"shots": {"order": draw.choice(["first", "random", "each"])}}},
        {"colours": {"unconditional": draw.choice(["", "Answer:"])}},
        {},
    ]
    state["settings"]["change"] = draw.choice(changes)


def _data(draw: random.Random, state: dict[str, Any]) -> None:
    state["row"] = draw.randrange(ITEMS), draw.choice(["1 + 1", "1 + 1 ", "one", "\x00", "{{1}}"])


def _write(folder: Path, state: dict[str, Any]) -> None:
    write_tasks(folder, items=ITEMS)
    place, text = state["row"]
    for name in ("sums", "colours"):
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        rows[place]["question"] = text
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def check(folder: Path, changes: int, seed: int) -> int:
    """Make so many changes; after each, the tables with the store are those without. How many answers it gave."""
    draw = random.Random(seed)
    state: dict[str, Any] = {"weights": "a", "row": (0, "0 + 0"), "settings": {}}
    reused = 0
    with Store(folder / "shared.sqlite") as store:
        for number in range(changes):
            draw.choice([_model, _settings, _task, _data])(draw, state)
            _write(folder, state)
            model = HashedModel(state["weights"])
            names = tuple(str(folder / f"{name}.yaml") for name in ("colours", "sums", "pages"))
            settings = EvalSettings(model=model.name, tasks=names, data_root=(str(folder),), **state["settings"])
            planned = Evaluation.of(settings, model, folder / "workspace", folder).planned
            with_store = _tables(folder / "with", planned, Asker(model, store))
            reused += with_store[1]
            fresh = folder / f"fresh-{number}.sqlite"
            with Store(fresh) as own:
                without = _tables(folder / "without", planned, Asker(model, own))
            for left in folder.glob(f"{fresh.name}*"):
                left.unlink()
            assert with_store[0] == without[0], (number, state)
    return reused


def _tables(out: Path, planned: list[Planned], asker: Asker) -> tuple[list[str], int]:
    for one in planned:
        asker.answer(one.requests())
    reused = asker.reused
    with Tools(out) as tools:
        return [written.sha256 for written in write_tables(out, planned, asker, tools)], reused
