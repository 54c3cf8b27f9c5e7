"""A run of self-instruct: batches of requests, each stored before it is used; the tasks follow from them."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash
from pydantic import NonNegativeFloat, PositiveInt

from train.ask import How, Voice, VoiceSettings, check_any, once
from train.rewards.open import read_text
from train.selfinstruct.filters import Filters, Kept, Sieve
from train.selfinstruct.tasks import PROMPT, SEEDS, Task, check_prompt, parse, prompt, read_seeds
from workbench.endpoints import Forecast
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.files import remove, sha256, write_text
from workbench.manifest import Input
from workbench.recipes import Section
from workbench.runs import Run
from workbench.yamltree import dump

KIND = "train.selfinstruct"
TASKS, DROPPED, REPORT = "tasks.jsonl", "dropped.jsonl", "report.json"
VERSION = 1  # raised when the code changes what is written
_BARREN = 5  # batches in a row without a new task after which more are not worth their price


class SelfInstruct(Section):
    """The recipe of `train selfinstruct`. The defaults are Alpaca's."""

    voice: VoiceSettings
    wanted: PositiveInt = 100
    """Tasks to make; the batch in which there are as many is the last."""
    seeds: str | None = None
    """Tasks of people's, JSONL; default: ten of our own, which are few."""
    prompt: str | None = None
    """A text with {count} and {tasks} at its end; default: our own."""
    shown: PositiveInt = 3
    """Seed tasks in a request."""
    tasks: PositiveInt = 20
    """Tasks that a request asks for, those shown among them."""
    requests: PositiveInt = 5
    """Requests in a batch."""
    most_batches: PositiveInt = 200
    max_new: PositiveInt = 3072
    temperature: NonNegativeFloat = 1.0
    top_p: NonNegativeFloat = 1.0
    filters: Filters = Filters()
    seed: int = 0


@dataclass
class Made:
    """What came of the batches so far. reasons: of what was dropped. costs: tokens and money."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    requests: int = 0
    failed: int = 0
    read: int = 0
    """Tasks that could be read from the answers."""
    costs: Counter[str] = field(default_factory=Counter)

    def report(self, wanted: int) -> dict[str, Any]:
        """Yield and cost."""
        kept = len(self.kept)
        return {
            "wanted": wanted,
            "kept": kept,
            "read": self.read,
            "yield": kept / self.read if self.read else 0.0,
            "dropped": dict(sorted(self.reasons.items(), key=lambda each: (-each[1], each[0]))),
            "batches": self.batches,
            "requests": self.requests,
            "failed_requests": self.failed,
            "tasks_a_request": kept / self.requests if self.requests else 0.0,
            **self.costs,
            "cost_a_task": self.costs["cost"] / kept if kept else 0.0,
        }


@dataclass(frozen=True)
class Plan:
    """The recipe with the files that it names."""

    settings: SelfInstruct
    seeds: list[Task]
    template: str
    digest: str

    def prompts(self, batch: int) -> list[str]:
        """The requests of a batch: each shows seed tasks drawn by (seed, batch, request)."""
        found = []
        for request in range(self.settings.requests):
            order = sorted(range(len(self.seeds)), key=lambda place: (self._draw(f"{batch}:{request}:{place}"), place))
            shown = [self.seeds[place] for place in order[: self.settings.shown]]
            found.append(prompt(self.template, shown, self.settings.tasks))
        return found

    @property
    def how(self) -> How:
        """How the model goes on: until it begins one task more than it was asked for."""
        settings = self.settings
        return How(settings.max_new, settings.temperature, settings.top_p, (f"\n{settings.tasks + 1}.",))

    def seed(self, batch: int) -> int:
        """Of a batch: 31 bits, which all servers take."""
        return self._draw(f"batch:{batch}") >> 33

    def _draw(self, name: str) -> int:
        return xxhash.xxh3_64_intdigest(name.encode(), seed=self.settings.seed % 2**64)


def plan(settings: SelfInstruct, base: Path) -> Plan:
    """Read what the recipe names, relative to `base`. UserError for too few seeds, or a prompt without its fields."""
    path = SEEDS if settings.seeds is None else base / settings.seeds
    seeds = read_seeds(path)
    if len(seeds) < settings.shown or settings.tasks <= settings.shown:
        message = f"{len(seeds)} seeds, of which {settings.shown} are shown in a request for {settings.tasks} tasks"
        raise UserError(message, hint="give more seeds, show fewer, or ask for more tasks")
    template = check_prompt(read_text(PROMPT if settings.prompt is None else base / settings.prompt))
    return Plan(settings, seeds, template, sha256(path))


def expected(planned: Plan, voice: Voice) -> Forecast:
    """What the first batch costs at most."""
    return voice.forecast(planned.prompts(0), planned.how)


def make(
    planned: Plan,
    voice: Voice,
    root: Path,
    *,
    out: Path | None = None,
    resume: bool = True,
    force: bool = False,
    listener: Listener = lambda event: None,
) -> tuple[Run, dict[str, Any]]:
    """The run with its tasks, and its report; an interrupted one asks for nothing twice, and comes to the same.

    Raises UserError: exit 3 where every request of a batch fails, 2 where no task is kept at all.
    """
    recipe = dump(
        {
            "selfinstruct": {"version": VERSION, **planned.settings.model_dump(mode="json")},
            "seeds": planned.digest,
            "prompt": planned.template,
            "voice": voice.digest,
        }
    )
    run = Run.create(out, KIND, recipe, root=root, resume=resume, force=force)
    with run:
        if not run.is_finished:
            _write(run, planned, voice, listener)
        return run, json.loads((run.path / REPORT).read_text())


def _write(run: Run, planned: Plan, voice: Voice, listener: Listener) -> None:
    began = time.monotonic()
    wanted = planned.settings.wanted
    made, sieve, barren = Made(), Sieve(planned.settings.filters, planned.seeds), 0
    while len(made.kept) < wanted and made.batches < planned.settings.most_batches and barren < _BARREN:
        before = len(made.kept)
        batch = made.batches
        path = run.path / "units" / "answers" / f"{batch:06d}.json"
        _take(made, sieve, planned, once(path, lambda: _ask(planned, voice, batch, listener)))  # noqa: B023
        barren = 0 if len(made.kept) > before else barren + 1
        counts = {"tasks": len(made.kept), "read": made.read, "requests": made.requests}
        listener(Event("progress", "writing", counts=counts, fraction=min(1.0, len(made.kept) / wanted)))
    if not made.kept:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in made.reasons.most_common(3)) or "no answer"
        message = f"no task came of {made.requests} requests: {reasons}"
        raise UserError(message, hint="the model may be too small, or --max-new too few", code=Exit.USAGE)
    for name, rows in ((TASKS, made.kept), (DROPPED, made.dropped)):
        write_text(run.path / name, "".join(json.dumps(row) + "\n" for row in rows))
    report = made.report(wanted)
    write_text(run.path / REPORT, json.dumps(report, indent=2) + "\n")
    seeds = Input(path=planned.settings.seeds or SEEDS.name, bytes=0, digest=planned.digest)
    counts = {"tasks": len(made.kept), "read": made.read, "requests": made.requests, "failed": made.failed}
    run.finish(counts=counts, timings={"total": round(time.monotonic() - began, 3)}, inputs=[seeds])
    remove(run.path / "units")


def _ask(planned: Plan, voice: Voice, batch: int, listener: Listener) -> dict[str, Any]:
    before = voice.account.data()
    said = voice.say(planned.prompts(batch), planned.how, seed=planned.seed(batch))
    check_any(voice.name, [one.error for one in said])
    after = voice.account.data()
    costs = {name: after[name] - before[name] for name in ("prompt_tokens", "completion_tokens", "cost")}
    return {"answers": [one._asdict() for one in said], "costs": costs}


def _take(made: Made, sieve: Sieve, planned: Plan, batch: dict[str, Any]) -> None:
    """Read a batch's answers and judge their tasks, in order."""
    for answer in batch["answers"]:
        made.requests += 1
        if answer["error"] is not None:
            made.failed += 1
            continue
        parsed = parse(answer["text"], planned.settings.shown + 1, is_cut=answer["reason"] == "length")
        made.read += len(parsed.tasks)
        for reason, text in parsed.wrong:
            _drop(made, reason, {"text": text})
        for task in parsed.tasks:
            found = sieve.judge(task)
            if isinstance(found, Kept):
                made.kept.append(_row(made, planned, found))
            else:
                _drop(made, found, task._asdict())
    made.batches += 1
    made.costs.update(batch["costs"])


def _row(made: Made, planned: Plan, found: Kept) -> dict[str, Any]:
    before = found.place - len(planned.seeds)
    nearest = "" if found.place < 0 else f"seed:{found.place}" if before < 0 else f"task:{before}"
    near = {"batch": made.batches, "similarity": round(found.similarity, 6), "nearest": nearest}
    return {"id": f"task:{len(made.kept)}", **found.task._asdict(), **near}


def _drop(made: Made, reason: str, fields: dict[str, str]) -> None:
    made.reasons[reason] += 1
    made.dropped.append({"reason": reason, "batch": made.batches, **fields})
