"""A run of feedback: rows in batches, each stored before it is used; data for training and a report follow."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import xxhash
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from train.ask import How, Voice, VoiceSettings, once
from train.data.records import read_records
from train.feedback.constitution import SHIPPED, Constitution, read_constitution
from train.feedback.work import Row, Work
from train.rewards.files import asked as prompt_asked
from workbench.endpoints import Forecast
from workbench.errors import UserError
from workbench.events import Event, Listener
from workbench.files import remove, write_text
from workbench.manifest import Input
from workbench.recipes import Section
from workbench.runs import Run
from workbench.yamltree import dump

KIND = "train.feedback"
DROPPED, REPORT = "dropped.jsonl", "report.json"
VERSION = 2  # raised when the code changes what is written
_ANSWERS = ("response", "completion", "output")


class Feedback(Section):
    """The recipe of `train feedback`."""

    make: Literal["revisions", "preferences"]
    """Critiques and revisions for `train sft`, or preferences for `train reward` and `train dpo`."""
    prompts: str
    """Rows with `prompt` (or as for train sft), and answers where there are any: `response`, or for preferences
    `responses` or `chosen` and `rejected`."""
    voice: VoiceSettings
    """Who criticises and judges."""
    policy: VoiceSettings | None = None
    """Who answers prompts without an answer; default: the same."""
    constitution: str | None = None
    """Default: our own, six short principles."""
    rounds: PositiveInt = 1
    """Revisions of each answer, each by a principle of its own."""
    responses: int = Field(default=2, ge=2)
    """Answers to each prompt that has none, for preferences: all pairs of them are judged."""
    batch: PositiveInt = 16
    max_new: PositiveInt = 512
    temperature: NonNegativeFloat = 1.0
    top_p: PositiveFloat = 1.0
    seed: int = 0


class Plan:
    """The recipe with the files that it names. UserError (exit 4) for rows without a prompt."""

    def __init__(self, settings: Feedback, base: Path) -> None:
        self.settings = settings
        path = base / settings.prompts
        records = list(read_records(path))
        self.rows = [
            Row(name, prompt_asked(values, path, name), _responses(values, settings.make)) for name, values in records
        ]
        if not self.rows:
            raise UserError(f"{path} holds no prompts", hint="name a file that has some")
        text = json.dumps([list(row) for row in self.rows], default=list)
        self.digest = xxhash.xxh3_128_hexdigest(text.encode())
        named = SHIPPED if settings.constitution is None else base / settings.constitution
        self.constitution: Constitution = read_constitution(named)

    def work(self, voice: Voice, policy: Voice) -> Work:
        """The recipe's questions, put to these models."""
        of = self.settings
        how = How(of.max_new, of.temperature, of.top_p)
        return Work(policy, voice, self.constitution, how, of.rounds, of.responses, of.seed)


def expected(plan: Plan, voice: Voice) -> Forecast:
    """What the judge costs at most."""
    work = plan.work(voice, voice)
    how = work.how if plan.settings.make == "revisions" else How(max_new=1)
    return voice.forecast(work.first_requests(plan.rows, plan.settings.make), how)


def make(
    plan: Plan,
    voice: Voice,
    policy: Voice,
    root: Path,
    *,
    out: Path | None = None,
    resume: bool = True,
    force: bool = False,
    listener: Listener = lambda event: None,
) -> tuple[Run, dict[str, Any]]:
    """The run with `revisions.jsonl` or `preferences.jsonl`, and its report; an interrupted one asks nothing twice.

    Raises UserError: exit 3 where every request of a batch fails, 2 where nothing is left of any row.
    """
    recipe = dump(
        {
            "feedback": {"version": VERSION, **plan.settings.model_dump(mode="json")},
            "prompts": plan.digest,
            "constitution": plan.constitution.model_dump(mode="json"),
            "voices": [voice.digest, policy.digest],
        }
    )
    run = Run.create(out, KIND, recipe, root=root, resume=resume, force=force)
    with run:
        if not run.is_finished:
            _write(run, plan, voice, policy, listener)
        return run, json.loads((run.path / REPORT).read_text())


def _write(run: Run, plan: Plan, voice: Voice, policy: Voice, listener: Listener) -> None:
    began = time.monotonic()
    settings, work = plan.settings, plan.work(voice, policy)
    asks = work.revise if settings.make == "revisions" else work.prefer
    voices = [voice] if policy is voice else [voice, policy]
    records: list[dict[str, Any]] = []
    costs: Counter[str] = Counter()

    def ask(rows: Sequence[Row]) -> dict[str, Any]:
        before = _spent(voices)
        found = asks(rows)
        after = _spent(voices)
        return {"records": found, "costs": {name: after[name] - before[name] for name in after}}

    for number, begin in enumerate(range(0, len(plan.rows), settings.batch)):
        rows = plan.rows[begin : begin + settings.batch]
        done = once(run.path / "units" / settings.make / f"{number:06d}.json", lambda: ask(rows))  # noqa: B023
        records += done["records"]
        costs.update(done["costs"])
        counts = {"rows": begin + len(rows), "records": len(records)}
        listener(Event("progress", settings.make, counts=counts, fraction=(begin + len(rows)) / len(plan.rows)))
    kept = [record for record in records if "dropped" not in record]
    dropped = [record for record in records if "dropped" in record]
    reasons = Counter(record["dropped"] for record in dropped)
    if not kept:
        reason = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3)) or "no pairs"
        raise UserError(f"nothing came of {len(plan.rows):,} rows: {reason}", hint="ask another model, or for more")
    told = _revised(kept) if settings.make == "revisions" else _preferred(kept)
    lines = _sft_rows(kept) if settings.make == "revisions" else _pair_rows(kept, voice.name)
    _lines(run.path / f"{settings.make}.jsonl", lines)
    _lines(run.path / DROPPED, dropped)
    principles = Counter(step["principle"] for record in kept for step in record.get("steps", [record]))
    report = {
        "make": settings.make,
        "prompts": len(plan.rows),
        "kept": len(kept),
        "dropped": dict(sorted(reasons.items())),
        **told,
        "principles": dict(sorted(principles.items())),
        **costs,
    }
    write_text(run.path / REPORT, json.dumps(report, indent=2) + "\n")
    run.finish(
        counts={"prompts": len(plan.rows), "kept": len(kept), "dropped": len(dropped)},
        timings={"total": round(time.monotonic() - began, 3)},
        inputs=[Input(path=settings.prompts, bytes=0, digest=plan.digest)],
    )
    remove(run.path / "units")


def _responses(values: dict[str, Any], make: str) -> list[str]:
    """The answers of a row that can be used."""
    given: list[Any] = [values.get(field) for field in _ANSWERS]
    messages = values.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        given.append(messages[-1].get("content") if messages[-1].get("role") == "assistant" else None)
    if make == "preferences":
        listed = values.get("responses")
        given = listed if isinstance(listed, list) else [values.get("chosen"), values.get("rejected")]
    return [text for text in given if isinstance(text, str) and text.strip()]


def _sft_rows(kept: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that `train sft` reads; a conversation stands as messages."""
    found = []
    for record in kept:
        row = dict(record)
        if not isinstance(record["prompt"], str):
            row["messages"] = [*record["prompt"], {"role": "assistant", "content": record["response"]}]
        found.append(row)
    return found


def _pair_rows(kept: Sequence[dict[str, Any]], rater: str) -> list[dict[str, Any]]:
    """Two rows for each pair, one for each order as a rater of its own: whoever reads them gets the mean as the
    probability, and sees how often the orders disagree."""
    found = []
    for record in kept:
        for order in ("ab", "ba"):
            probability = record[order]
            sides = ("a", "b") if probability >= 0.5 else ("b", "a")
            found.append(
                {
                    "id": f"{record['id']}:{order}",
                    "prompt": record["prompt"],
                    "chosen": record[sides[0]],
                    "rejected": record[sides[1]],
                    "probability": max(probability, 1 - probability),
                    "rater": f"{rater}:{order}",
                    "principle": record["principle"],
                }
            )
    return found


def _revised(kept: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sizes = [(len(record["original"].split()), len(record["response"].split())) for record in kept]
    return {
        "unchanged": sum(record["original"].strip() == record["response"] for record in kept),
        "words_before": fmean(before for before, _ in sizes),
        "words_after": fmean(after for _, after in sizes),
    }


def _preferred(kept: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How the judge judges. first_bias: by how much the answer that stands first is likelier to be called better."""
    means = [(record["ab"] + record["ba"]) / 2 for record in kept]
    agree = [(record["ab"] - 0.5) * (record["ba"] - 0.5) > 0 for record in kept]
    longer = [
        (mean > 0.5) == (len(record["a"]) > len(record["b"]))
        for mean, record in zip(means, kept, strict=True)
        if mean != 0.5 and len(record["a"]) != len(record["b"])
    ]
    return {
        "orders_agree": fmean(agree),
        "first_bias": fmean(record["ab"] - record["ba"] for record in kept) / 2,
        "certainty": fmean(max(mean, 1 - mean) for mean in means),
        "longer_wins": fmean(longer) if longer else None,
    }


def _spent(voices: Sequence[Voice]) -> dict[str, float]:
    names = ("requests", "failed", "prompt_tokens", "completion_tokens", "cost")
    return {name: sum(voice.account.data()[name] for voice in voices) for name in names}


def _lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, default=list) + "\n" for row in rows))
