"""Answers of models and recorded verdicts, in AlpacaEval's file formats and in ours, matched by their instruction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import xxhash

from evalkit.judge.types import Duel
from train.data.blocks import clean
from train.data.records import bad_row, read_records
from workbench.errors import Exit, UserError


@dataclass(frozen=True, slots=True)
class Outputs:
    """One model's answers by instruction, in the order of its file; `dataset` is what an instruction belongs to."""

    model: str
    answers: Mapping[str, str]
    dataset: Mapping[str, str]
    path: Path


@dataclass(frozen=True, slots=True)
class Matched:
    """What can be judged: one duel an instruction, the baseline's answer first.

    missing: instructions of the baseline that the model has not answered; extra: answers to none of its instructions.
    """

    model: str
    baseline: str
    duels: Sequence[Duel]
    datasets: Sequence[str]
    missing: Sequence[str] = field(default=())
    extra: int = 0


def read_outputs(path: Path, name: str | None = None) -> Outputs:
    """Rows with `instruction` (or `prompt`), `output` (or `response`), and `generator`; `name` stands for it.

    Raises UserError with the row: a field that is missing or no text, an instruction that is there twice, answers of
    several models in one file.
    """
    answers: dict[str, str] = {}
    datasets: dict[str, str] = {}
    models: dict[str, None] = {}
    for row, values in read_records(path):
        instruction = _text(values, ("instruction", "prompt"), path, row)
        answer = _text(values, ("output", "response"), path, row)
        if instruction in answers:
            raise bad_row(path, row, "this instruction was answered before", _TWICE)
        answers[instruction] = answer
        datasets[instruction] = str(values.get("dataset", ""))
        models[str(values.get("generator", ""))] = None
    if not answers:
        raise UserError(f"{path} holds no answers", hint="rows of instruction, output, generator", code=Exit.INPUT)
    if name is None and len(models) > 1:
        raise UserError(f"{path} holds answers of several models: {', '.join(models)}", hint=_TWICE, code=Exit.INPUT)
    return Outputs(name or next(iter(models)) or path.name.split(".")[0], answers, datasets, path)


_TWICE = "give each model a file of its own, with one answer to each instruction"


def match(model: Outputs, baseline: Outputs) -> Matched:
    """The instructions of the baseline, in its order. UserError where the model has answered none of them."""
    shared = [one for one in baseline.answers if one in model.answers]
    if not shared:
        message = f"{model.path} answers none of the {len(baseline.answers):,} instructions of {baseline.path}"
        raise UserError(message, hint="both must have answered the same instructions", code=Exit.INPUT)
    duels = [Duel(one, baseline.answers[one], model.answers[one]) for one in shared]
    missing = [one for one in baseline.answers if one not in model.answers]
    extra = len(model.answers) - len(shared)
    return Matched(model.model, baseline.model, duels, [baseline.dataset[one] for one in shared], missing, extra)


def draw(matched: Matched, limit: int, seed: int) -> Matched:
    """At most `limit` of the duels, drawn by their instructions and the seed, so that every model has the same; in the
    order of the baseline."""
    ranks = sorted(
        (xxhash.xxh3_64_intdigest(f"{seed}|{duel.instruction}".encode("utf-8", "surrogatepass")), number)
        for number, duel in enumerate(matched.duels)
    )
    kept = sorted(number for _, number in ranks[:limit])
    duels = [matched.duels[number] for number in kept]
    return replace(matched, duels=duels, datasets=[matched.datasets[number] for number in kept])


def read_recorded(path: Path) -> dict[Duel, float]:
    """Recorded verdicts: rows of instruction, output_1, output_2 and preference (1 to 2; 0 and 1.5 are ties).

    A preference that is null or NaN stays NaN. UserError for other rows.
    """
    found: dict[Duel, float] = {}
    for row, values in read_records(path):
        texts = [_text(values, (name,), path, row) for name in ("instruction", "output_1", "output_2")]
        preference = values.get("preference")
        if preference is None:
            preference = math.nan
        if not isinstance(preference, int | float) or isinstance(preference, bool):
            raise bad_row(path, row, "the preference is no number", _PREFERENCE)
        if not (math.isnan(preference) or preference == 0 or 1 <= preference <= 2):
            raise bad_row(path, row, f"the preference is {preference}", _PREFERENCE)
        duel, share = Duel(*texts), 0.5 if preference == 0 else float(preference) - 1
        if duel in found and not (found[duel] == share or (math.isnan(found[duel]) and math.isnan(share))):
            hint = "give each judge's verdicts a file of their own"
            raise bad_row(path, row, "this pair has another preference in a row before", hint)
        found[duel] = share
    if not found:
        raise UserError(f"{path} holds no verdicts", hint=_PREFERENCE, code=Exit.INPUT)
    return found


_PREFERENCE = "rows of instruction, output_1, output_2, preference: 1 where the first is better, 2 where the second is"


def read_difficulty(path: Path, instructions: Sequence[str]) -> dict[str, float]:
    """The difficulty of each instruction: a CSV of `index` (its place among `instructions`) or `instruction`, and a
    column whose name begins with `instruction_difficulty`. UserError where it says nothing of some."""
    import csv

    found: dict[str, float] = {}
    with path.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines), 2):
            value = next(
                (text for name, text in row.items() if (name or "").startswith("instruction_difficulty")), None
            )
            try:
                at = row["instruction"] if "instruction" in row else instructions[int(row.get("index") or row[""])]
                found[at] = float(value)  # type: ignore[arg-type]
                if not math.isfinite(found[at]):
                    raise ValueError("no number")
            except (KeyError, IndexError, ValueError, TypeError):
                hint = "columns: index (or instruction) and instruction_difficulty"
                raise UserError(
                    "no difficulty in this row", hint=hint, code=Exit.INPUT, file=path, line=number
                ) from None
    missing = sum(one not in found for one in instructions)
    if missing:
        message = f"{path} says nothing of {missing:,} of {len(instructions):,} instructions"
        raise UserError(message, hint="it must be of the same set of instructions", code=Exit.INPUT)
    return found


def _text(values: Mapping[str, Any], names: Sequence[str], path: Path, row: str) -> str:
    for name in names:
        value = values.get(name)
        if isinstance(value, str):
            return clean(value)
    told = " or ".join(f"`{name}`" for name in names)
    raise bad_row(path, row, f"no text in {told}", "AlpacaEval's form, or ours")


def annotation_rows(matched: Matched, shares: Sequence[float], annotator: str) -> Iterator[dict[str, Any]]:
    """Rows of AlpacaEval's annotations.json; a preference that is not known is null."""
    for duel, dataset, share in zip(matched.duels, matched.datasets, shares, strict=True):
        yield {
            "dataset": dataset,
            "instruction": duel.instruction,
            "output_1": duel.first,
            "generator_1": matched.baseline,
            "output_2": duel.second,
            "generator_2": matched.model,
            "annotator": annotator,
            "preference": share + 1 if math.isfinite(share) else None,
        }
