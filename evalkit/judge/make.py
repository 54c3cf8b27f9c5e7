"""A judged comparison as a run: verdicts, AlpacaEval's files, and the figures that follow from them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.judge.duels import SCRATCH, VERDICTS, Asked, Judged, judge_all, position
from evalkit.judge.gameability import Version, gameability, gamed
from evalkit.judge.judges import NO_PREFERENCE
from evalkit.judge.length_control import Controlled, controlled, model_rows, standard_lengths
from evalkit.judge.mask import Mask
from evalkit.judge.outputs import Matched, annotation_rows
from evalkit.judge.settings import JudgeSettings
from evalkit.judge.types import Judge
from evalkit.judge.winrate import win_rate
from evalkit.statistics.intervals import mean
from train.data.blocks import clean
from workbench.envelope import jsonable
from workbench.events import Event, Listener
from workbench.files import remove, sha256, write_text
from workbench.manifest import Input
from workbench.runs import Run
from workbench.tables import ShardWriter
from workbench.yamltree import dump

KIND = "judge"
SCHEMA = "evalkit.judge/1"
SUMMARY, ANNOTATIONS, LEADERBOARD = "summary.json", "annotations.json", "leaderboard.csv"
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that decides what the run holds.

    matched: the model's answers against the baseline's. gamed: verbose and concise answers of the baseline itself,
    judged before, which hold the effect of length in place. difficulty: of each instruction, where known.
    """

    settings: JudgeSettings
    judge: Judge
    matched: Matched
    inputs: Sequence[Path]
    difficulty: Mapping[str, float] | None = None
    gamed: Sequence[Version] = ()

    def asked(self) -> Asked:
        """The questions of the job."""
        return Asked.of(self.matched.duels, self.judge, self.settings.order)

    @property
    def recipe(self) -> str:
        """By which the run is known: another judge, prompt or text is another recipe."""
        texts = hashlib.sha256()
        for duel in self.matched.duels:
            texts.update(json.dumps([duel.instruction, duel.first, duel.second]).encode())
        names = {"model": self.matched.model, "baseline": self.matched.baseline, "texts": texts.hexdigest()}
        settings = self.settings.model_dump(mode="json")
        extra = json.dumps([self.difficulty, [[part.tolist() for part in one.rows] for one in self.gamed]])
        lengths = hashlib.sha256(extra.encode()).hexdigest()
        return dump({"judge": settings, "digest": self.judge.digest, **names, "lengths": lengths, "version": _VERSION})


def compare(
    comparison: Comparison,
    root: Path,
    *,
    out: Path | None = None,
    resume: bool = True,
    force: bool = False,
    cache: bool = True,
    listener: Listener = lambda event: None,
) -> Run:
    """The finished run; one that broke off goes on from its stored verdicts. UserError as `Run.create`, `judge_all`.

    cache: whether verdicts are taken from the workspace, and kept there for other runs.
    """
    run = Run.create(out, KIND, comparison.recipe, root=root, resume=resume, force=force)
    with run:
        if not run.is_finished:
            _write(run, comparison, root / VERDICTS if cache else run.path / SCRATCH, listener)
            remove(run.path / SCRATCH.parent)
    return run


def _write(run: Run, comparison: Comparison, store: Path, listener: Listener) -> None:
    asked, judge, matched = comparison.asked(), comparison.judge, comparison.matched
    total = len(dict.fromkeys(asked.questions()))

    def told(done: int, failed: int) -> None:
        counts = {"questions": done, "questions_total": total, "failed": failed}
        event = Event("progress", "judge", judge.name, counts=counts, fraction=done / total if total else None)
        for each in (listener, run.emit):
            each(event)

    judged = judge_all(asked, judge, store, told=told)
    written = _table(run.path, matched, judged)
    shares = [one.share for one in judged]
    rows = list(jsonable(list(annotation_rows(matched, shares, judge.name))))
    write_text(run.path / ANNOTATIONS, json.dumps(rows, indent=1) + "\n")
    summary = summarise(comparison, judged)
    write_text(run.path / SUMMARY, json.dumps(jsonable(summary), indent=1, allow_nan=False) + "\n")
    write_text(run.path / LEADERBOARD, _leaderboard(summary))
    counts = {"pairs": len(judged), "judged": summary["total"], "unscored": summary["unscored"]}
    counts |= {"questions": total, "missing": len(matched.missing), "masked": summary["masked"]}
    inputs = [Input(path=str(path), bytes=path.stat().st_size, digest=sha256(path)) for path in comparison.inputs]
    run.finish(counts=counts, inputs=inputs, written=written)


def _table(run: Path, matched: Matched, judged: Sequence[Judged]) -> list[Any]:
    import pyarrow as pa

    texts = ("item", "dataset", "instruction", "baseline_output", "model_output", "said", "error")
    numbers = ("share", "as_is", "turned")
    schema = pa.schema([(name, pa.string()) for name in texts] + [(name, pa.float64()) for name in numbers])
    with ShardWriter(run / "verdicts", schema) as table:
        for duel, dataset, one in zip(matched.duels, matched.datasets, judged, strict=True):
            row = {
                "item": hashlib.sha256(duel.instruction.encode("utf-8", "surrogatepass")).hexdigest()[:32],
                "dataset": dataset,
                "instruction": duel.instruction,
                "baseline_output": duel.first,
                "model_output": duel.second,
                "said": clean(one.said),
                "error": None if one.error is None else clean(one.error),
                "share": None if math.isnan(one.share) else one.share,
                "as_is": None if one.as_is is None or one.as_is.error else one.as_is.share,
                "turned": None if one.turned is None or one.turned.error else one.turned.share,
            }
            table.append(pa.Table.from_pylist([row], schema))
    return [file._replace(path=f"verdicts/{file.path}") for file in table.written]


def summarise(comparison: Comparison, judged: Sequence[Judged]) -> dict[str, Any]:
    """Every figure of a comparison, in percent, from its verdicts."""
    matched = comparison.matched
    shares = np.array([one.share for one in judged])
    known = np.isfinite(shares)
    rate = win_rate(shares + 1)
    estimate = mean(shares[known], bounded=True).scaled(100)
    lengths = np.array([[len(duel.first), len(duel.second)] for duel in matched.duels], np.int64).reshape(-1, 2)
    placed = position(judged)
    reads = any(member.voice is not None for member in comparison.settings.judges)
    mask = Mask([matched.model, matched.baseline], active=comparison.settings.mask and reads)
    errors: dict[str, int] = {}
    for one in judged:
        if one.error is not None:
            errors[one.error] = errors.get(one.error, 0) + 1
    return {
        "schema": SCHEMA,
        "model": matched.model,
        "baseline": matched.baseline,
        "judge": {"name": comparison.judge.name, "digest": comparison.judge.digest},
        **asdict(rate),
        "low": estimate.low,
        "high": estimate.high,
        "controlled": _controlled(comparison, shares, known, lengths),
        "gameability": gameability(comparison.gamed, comparison.settings.seed),
        "average_length": float(lengths[:, 1].mean()),
        "baseline_length": float(lengths[:, 0].mean()),
        "failed": sum(count for error, count in errors.items() if error != NO_PREFERENCE),
        "missing": len(matched.missing),
        "extra": matched.extra,
        "masked": sum(mask.count(text)[1] for duel in matched.duels for text in (duel.first, duel.second)),
        "errors": errors,
        "position": None if placed is None else {name: asdict(part) for name, part in placed._asdict().items()},
        "account": comparison.judge.account(),
    }


def _controlled(comparison: Comparison, shares: Any, known: Any, lengths: Any) -> dict[str, Any] | None:
    """The length-controlled rate; None where too few pairs were judged to say anything."""
    if known.sum() < 2:
        return None
    duels = [duel for duel, there in zip(comparison.matched.duels, known, strict=True) if there]
    hard = comparison.difficulty
    difficulty = np.array([0.0 if hard is None else hard[duel.instruction] for duel in duels])
    delta = standard_lengths(lengths[known, 0], lengths[known, 1])
    found: Controlled = controlled(
        model_rows(shares[known], delta, difficulty), gamed(comparison.gamed), seed=comparison.settings.seed
    )
    return {**asdict(found), "with_difficulty": hard is not None, "with_gamed": bool(comparison.gamed)}


def _leaderboard(summary: Mapping[str, Any]) -> str:
    """One line of AlpacaEval's leaderboard.csv."""
    length = summary["controlled"] or {}
    row = {
        "": summary["model"],
        "win_rate": summary["win_rate"],
        "standard_error": summary["standard_error"],
        "n_wins": summary["wins"],
        "n_wins_base": summary["losses"],
        "n_draws": summary["ties"],
        "n_total": summary["total"],
        "discrete_win_rate": summary["discrete"],
        "mode": "community",
        "avg_length": int(summary["average_length"]),
        "length_controlled_winrate": length.get("rate", ""),
        "lc_standard_error": length.get("error", ""),
    }
    out = io.StringIO()
    writer = csv.DictWriter(out, list(row), lineterminator="\n")
    writer.writeheader()
    writer.writerow(row)
    return out.getvalue()
