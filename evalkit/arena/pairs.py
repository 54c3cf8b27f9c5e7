"""Pairs of answers to be voted on: drawn once, written down, the same for everybody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evalkit.judge.outputs import Outputs
from train.data.records import read_records
from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.manifest import Input
from workbench.runs import Run
from workbench.tables import ShardWriter, read_tables
from workbench.yamltree import dump

KIND = "arena"
PAIRS, GOLD = "pairs", "gold"
Draw = Literal["uniform", "uncertain"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models' answers to one prompt. id: of the texts and models, the same in every draw."""

    id: str
    prompt: str
    model_a: str
    model_b: str
    output_a: str
    output_b: str


@dataclass(frozen=True, slots=True)
class Gold:
    """Two answers of which `better` (a or b) is so without doubt: whether a rater reads what is voted on."""

    id: str
    prompt: str
    output_a: str
    output_b: str
    better: str


def gold_pairs(path: Path) -> list[Gold]:
    """Rows of `instruction` (or `prompt`), `better` and `worse`. UserError with the row for others."""
    found: dict[str, Gold] = {}
    for row, values in read_records(path):
        texts = [values.get("instruction", values.get("prompt")), values.get("better"), values.get("worse")]
        if not all(isinstance(text, str) for text in texts) or texts[1] == texts[2]:
            hint = "rows of instruction, better and worse, three texts"
            raise UserError(f"{path}: {row}: no pair with a better answer", hint=hint, code=Exit.INPUT)
        prompt, *answers = (str(text) for text in texts)
        name = hashlib.sha256(json.dumps(["gold", prompt, *answers]).encode()).hexdigest()[:24]
        first = int(name[-1], 16) % 2  # which of the two is `a` hangs on the texts alone
        found[name] = Gold(name, prompt, answers[first], answers[1 - first], "ab"[first])
    return list(found.values())


def draw_pairs(
    outputs: Sequence[Outputs], number: int, seed: int, weights: npt.NDArray[np.float64] | None = None
) -> list[Pair]:
    """`number` different pairs among all prompts that two models answered differently, or all of them.

    weights: [models, models] of each pair of models (default: equal). Which of two is `a` is drawn too. Raises
    UserError where there are fewer than two models, or nothing that two of them answered.
    """
    names = [one.model for one in outputs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two files hold answers of '{twice}'", hint="one file a model", code=Exit.INPUT)
    if len(names) < 2:
        raise UserError("one model alone meets nobody", hint="--outputs FILE for each of two models or more")
    prompts = list(dict.fromkeys(prompt for one in outputs for prompt in one.answers))
    found: list[tuple[float, int, Pair]] = []
    rng = np.random.default_rng(seed)
    for prompt in prompts:
        for i in range(len(outputs)):
            for j in range(i):
                uniform, turned = rng.random(), bool(rng.random() < 0.5)  # drawn for every place, met or not
                if prompt not in outputs[i].answers or prompt not in outputs[j].answers:
                    continue
                if outputs[i].answers[prompt] == outputs[j].answers[prompt]:
                    continue  # nothing to tell apart
                weight = 1.0 if weights is None else float(weights[i, j])
                first, second = (outputs[j], outputs[i]) if turned else (outputs[i], outputs[j])
                if weight > 0:
                    # Exponential races: the least -log(u)/w are a draw without replacement by weight.
                    found.append((-np.log(1 - uniform) / weight, len(found), _pair(prompt, first, second)))
    if not found:
        raise UserError(
            "no two models answered one prompt differently", hint="give them the same prompts", code=Exit.INPUT
        )
    return [pair for _, _, pair in sorted(found)[:number]]


def _pair(prompt: str, first: Outputs, second: Outputs) -> Pair:
    a, b = first.answers[prompt], second.answers[prompt]
    ends = sorted([[first.model, a], [second.model, b]])
    text = json.dumps([prompt, *ends])
    return Pair(hashlib.sha256(text.encode()).hexdigest()[:24], prompt, first.model, second.model, a, b)


def write_pairs(
    outputs: Sequence[Outputs],
    pairs: Sequence[Pair],
    settings: Mapping[str, Any],
    root: Path,
    *,
    gold: Sequence[Gold] = (),
    out: Path | None = None,
    force: bool = False,
) -> Run:
    """The pairs as a run (kind `arena`), with those of `gold` in a table of their own. UserError as `Run.create`."""
    import pyarrow as pa

    digest = hashlib.sha256("\n".join(pair.id + pair.model_a for pair in pairs).encode()).hexdigest()
    asked = {**settings, "models": [one.model for one in outputs], "pairs": digest}
    if gold:
        asked["gold"] = hashlib.sha256("\n".join(one.id for one in gold).encode()).hexdigest()
    recipe = dump(asked)
    run = Run.create(out, KIND, recipe, root=root, force=force)
    with run:
        if run.is_finished:
            return run
        written = []
        for name, rows in ((PAIRS, [asdict(pair) for pair in pairs]), (GOLD, [asdict(one) for one in gold])):
            if name == GOLD and not gold:
                continue
            schema = pa.schema([(column, pa.string()) for column in rows[0]])
            with ShardWriter(run.path / name, schema) as table:
                table.append(pa.Table.from_pylist(rows, schema))
            written += [file._replace(path=f"{name}/{file.path}") for file in table.written]
        inputs = [Input(path=str(one.path), bytes=one.path.stat().st_size, digest=sha256(one.path)) for one in outputs]
        run.finish(counts={"pairs": len(pairs), "models": len(outputs)}, inputs=inputs, written=written)
    return run


def read_pairs(run: Path) -> list[Pair]:
    """The pairs of a finished arena. UserError where the run holds none."""
    if not (run / PAIRS).is_dir():
        raise UserError(f"{run} holds no pairs", hint="make them with `evalkit arena pairs`", code=Exit.INPUT)
    return [Pair(**row) for row in read_tables(run / PAIRS).collect().to_dicts()]


def read_gold(run: Path) -> list[Gold]:
    """The pairs with a known better answer of a finished arena, where it has any."""
    if not (run / GOLD).is_dir():
        return []
    return [Gold(**row) for row in read_tables(run / GOLD).collect().to_dicts()]
