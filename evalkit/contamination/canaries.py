"""Planted items: what is a copy in the training data worth on the test?

Chosen items are written k times among training texts, for several k; the same items in the same order each time. Who
trains a model on each of these datasets can ask all of them the same evaluation. What planted items gain over k = 0,
less what items gain that were never planted, is what the copies are worth.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.contamination.asked import planned_bare, said_right, settings_of
from evalkit.contamination.record import SUMMARY, Found, Where, record
from evalkit.models.types import Floats
from evalkit.run.rows import ITEMS, SCORES, read_rows, read_summary
from evalkit.run.training import Training
from evalkit.statistics.intervals import LEVEL, Estimate, t_quantile
from evalkit.tasks.metrics import metric_of
from train.data.texts import Documents, read_documents
from workbench import manifest
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.files import sha256, whole_file
from workbench.runs import Run

if TYPE_CHECKING:
    import polars as pl

KIND, GAIN = "eval.contamination.canaries", "eval.contamination.gain"
VERSION = 1
Name = tuple[str, str]
"""A task and the id of an item."""


def file_of(copies: int) -> str:
    """The dataset with so many copies."""
    return f"copies-{copies}.jsonl"


def plant(
    data: str, evaluation: Path, where: Where, *, base: Path, items: int, copies: Sequence[int], seed: int
) -> tuple[Run, dict[str, Any]]:
    """Write a dataset for each number of copies: the texts of `data`, and among them the planted items.

    evaluation: a finished run whose items are planted; which model answered it does not matter. items: so many of them,
    drawn by the seed; as many others are kept out for comparison. Raises UserError where there are too few, or no
    dataset without copies to compare with is asked for.
    """
    doses = sorted(set(copies))
    if len(doses) < 2 or doses[0] != 0:
        raise UserError("copies need 0 and another number", hint="for example --copies 0,1,2,4,8")
    documents = read_documents(data, where.root)
    settings = settings_of(evaluation)
    texts = {
        (one.task.name, item.id): text
        for one in reversed(planned_bare(settings, where.root, base))  # of several presets the first is planted
        for number, item in enumerate(one.items)
        if (text := said_right(one, number)) is not None
    }
    asked = read_rows(evaluation, ITEMS).select("task", "item").unique().collect()
    names = sorted(set(texts) & set(asked.iter_rows()))
    planted, control = drawn(names, items, seed)
    if len(planted) < items:
        message = f"{len(names)} items with a right answer are too few to plant {items} and keep as many out"
        raise UserError(message, hint="plant fewer (--items), or evaluate more", code=Exit.INPUT)
    recipe = {
        "data": documents.digest,
        "evaluation": manifest.digest(evaluation),
        "items": items,
        "copies": doses,
        "seed": seed,
        "version": VERSION,
    }

    def find(scratch: Path, tell: Listener) -> Found:
        run = scratch.parent
        count = sum(1 for document in documents if document.text)
        digests = {}
        for done, dose in enumerate(doses, 1):
            with whole_file(run / file_of(dose)) as path:
                _write(path, documents, count, [(item, texts[task, item]) for task, item in planted], dose, seed)
            digests[str(dose)] = sha256(run / file_of(dose))
            tell(Event("progress", "plant", file_of(dose), fraction=done / len(doses)))
        summary = {
            "data": {"name": data, "digest": documents.digest, "documents": count},
            "evaluation": settings.model_dump(mode="json"),
            "copies": doses,
            "datasets": digests,
            "planted": [{"task": task, "item": item, "text": texts[task, item]} for task, item in planted],
            "control": [{"task": task, "item": item} for task, item in control],
        }
        return Found(summary, counts={"documents": count, "planted": len(planted), "control": len(control)})

    parents = {one.path.resolve(): one for one in [Run.open(evaluation, where.root), *documents.parents]}
    return record(KIND, recipe, where, find, parents=list(parents.values()), inputs=documents.inputs)


def drawn(names: Sequence[Name], items: int, seed: int) -> tuple[list[Name], list[Name]]:
    """Items to plant, and as many to keep out, task by task in turn, so that each task has as many of both."""
    source = random.Random(seed)
    left = {task: [name for name in names if name[0] == task] for task in sorted({task for task, _ in names})}
    for each in left.values():
        source.shuffle(each)
    planted: list[Name] = []
    control: list[Name] = []
    while len(planted) < items and left:
        left = {task: each for task, each in left.items() if len(each) > 1}
        for each in list(left.values())[: items - len(planted)]:
            planted.append(each.pop())
            control.append(each.pop())
    return planted, control


def _write(
    path: Path, documents: Documents, count: int, planted: Sequence[tuple[str, str]], dose: int, seed: int
) -> None:
    """Copies at places drawn by chance, so that a reader who takes rows in order meets them far apart."""
    source = random.Random(f"{seed}/{dose}")
    copies = [
        (source.randint(0, count), f"canary-{item}-{copy}", text) for item, text in planted for copy in range(dose)
    ]
    copies.sort(key=lambda one: one[0], reverse=True)
    place = 0
    with path.open("w", encoding="utf-8") as file:

        def due() -> None:
            while copies and copies[-1][0] <= place:
                _, name, text = copies.pop()
                file.write(json.dumps({"id": name, "text": text}) + "\n")

        for document in documents:
            if document.text:
                due()
                file.write(json.dumps({"id": document.id, "text": document.text}) + "\n")
                place += 1
        due()


def gain(planted: Path, runs: Sequence[tuple[int, Path]], where: Where) -> tuple[Run, dict[str, Any]]:
    """What copies are worth: runs are finished evaluations with the copies that their models were trained on.

    Several runs of one number of copies (other seeds) are averaged item by item. Raises UserError where a run is
    missing, its model was not trained on the dataset of its copies as far as its runs say, or has not the items.
    """
    plan = _plan(planted)
    doses = sorted({dose for dose, _ in runs})
    if len(doses) < 2 or doses[0] != 0:
        raise UserError("gains need runs of 0 copies and of others", hint="--run 0=RUN --run 1=RUN ...")
    unknown = [str(path) for dose, path in runs if not _trained(dose, path, plan, where.root)]
    values = {dose: _mean([_values(path, plan) for each, path in runs if each == dose]) for dose in doses}
    recipe = {
        "plan": manifest.digest(planted),
        "runs": [{"copies": dose, "evaluation": manifest.digest(path)} for dose, path in runs],
        "version": VERSION,
    }

    def find(scratch: Path, tell: Listener) -> Found:
        import polars as pl

        rows = pl.concat([frame.with_columns(copies=pl.lit(dose)) for dose, frame in values.items()])
        summary = {
            "plan": Run.open(planted, where.root).id,
            "runs": [{"copies": dose, "run": path.name} for dose, path in runs],
            "unknown": unknown,
            "gains": gains(rows, doses[1:]),
        }
        return Found(summary, {"values": rows}, {"items": rows.select("task", "item").unique().height})

    parents = {one.resolve(): Run.open(one, where.root) for one in [planted, *(path for _, path in runs)]}
    return record(GAIN, recipe, where, find, parents=list(parents.values()))


def gains(rows: pl.DataFrame, doses: Sequence[int]) -> list[dict[str, Any]]:
    """By task, preset and metric: the gain at each number of copies, and a copy's, each with an interval.

    rows: columns task, preset, metric, item, planted, copies, value. A copy's gain is the slope of a line through 0:
    of each item sum k d_k / sum k^2, where d_k is its gain at k copies.
    """
    import polars as pl

    found = []
    for (task, preset, metric), part in rows.group_by("task", "preset", "metric", maintain_order=True):
        wide = part.pivot("copies", index=["item", "planted"], values="value").drop_nulls().sort("item")
        base = wide["0"].to_numpy()
        off = np.stack([wide[str(dose)].to_numpy() - base for dose in doses], axis=1)
        is_in = wide["planted"].to_numpy()
        if min(is_in.sum(), (~is_in).sum()) < 2:
            continue
        weights = np.array(doses, np.float64) / float(np.square(doses).sum())
        slope = difference(off[is_in] @ weights, off[~is_in] @ weights)
        found.append(
            {
                "task": task,
                "preset": preset,
                "metric": metric,
                "better": metric_of(str(metric)).better,
                "planted": int(is_in.sum()),
                "control": int((~is_in).sum()),
                "without": float(wide.filter(pl.col("planted"))["0"].mean()),  # type: ignore[arg-type]
                "at": [
                    {"copies": dose, "gain": asdict(difference(off[is_in, at], off[~is_in, at]))}
                    for at, dose in enumerate(doses)
                ],
                "per_copy": asdict(slope),
            }
        )
    return found


def difference(a: Floats, b: Floats) -> Estimate:
    """mean a - mean b of independent items, with Welch's interval."""
    value = float(a.mean() - b.mean())
    parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    error = float(np.sqrt(parts.sum()))
    if error == 0:
        return Estimate(value, value, value, 0.0, len(a) + len(b), method="Welch")
    freedom = float(parts.sum() ** 2 / (parts**2 / (np.array([len(a), len(b)]) - 1)).sum())
    half = t_quantile(LEVEL, freedom) * error
    return Estimate(value, value - half, value + half, error, len(a) + len(b), method="Welch")


def _plan(run: Path) -> dict[str, Any]:
    try:
        plan: dict[str, Any] = json.loads((run / SUMMARY).read_bytes())
        if plan["schema"] != f"{KIND}/1":
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        hint = "name a run of `evalkit contamination plant`"
        raise UserError(f"{run} holds no planted items", hint=hint, code=Exit.INPUT) from None
    return plan


def _trained(dose: int, run: Path, plan: Mapping[str, Any], root: Path) -> bool:
    """Whether the run's model read the dataset of this number of copies; False where nobody can say."""
    wanted = plan["datasets"].get(str(dose))
    if wanted is None:
        known = ", ".join(plan["datasets"])
        raise UserError(f"nothing was planted {dose} times", hint=f"the plan has {known} copies")
    inputs = {digest for _, digest in Training.of(settings_of(run).model, root).inputs}
    planted = inputs & set(plan["datasets"].values())
    if planted and wanted not in planted:
        other = next(copies for copies, digest in plan["datasets"].items() if digest in planted)
        raise UserError(f"the model of {run} was trained on {other} copies, not on {dose}", hint="name it so")
    return bool(planted)


def _values(run: Path, plan: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of task, preset, metric, item, planted, value: the metrics whose items have a value of their own."""
    import polars as pl

    read_summary(run)
    schema = {"task": pl.String, "item": pl.String, "planted": pl.Boolean}
    names = [
        *((one["task"], one["item"], True) for one in plan["planted"]),
        *((one["task"], one["item"], False) for one in plan["control"]),
    ]
    scores = read_rows(run, SCORES).collect()
    own = [name for name in scores["metric"].unique(maintain_order=True) if metric_of(name).over == "items"]
    sums = [name for name in scores["metric"].unique(maintain_order=True) if metric_of(name).finish == "bits"]
    scores = scores.filter(pl.col("metric").is_in([*own, *sums])).with_columns(
        value=pl.when(pl.col("metric").is_in(sums))
        .then(pl.col("value") / pl.col("weight") / np.log(2))
        .otherwise("value")
    )
    joined = scores.join(pl.DataFrame(names, schema, orient="row"), on=["task", "item"], how="inner")
    if not joined.height:
        hint = "evaluate the tasks, limit and seed that were planted"
        raise UserError(f"{run} has none of the planted items", hint=hint, code=Exit.INPUT)
    return joined.select("task", "preset", "metric", "item", "planted", "value")


def _mean(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    keys = ["task", "preset", "metric", "item", "planted"]
    return pl.concat(frames).group_by(keys, maintain_order=True).agg(pl.col("value").mean())
