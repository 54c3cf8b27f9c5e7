"""The steps that made a data set, in order: one activity for each step of a run, and one for each later command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from curate.ask.finished import FinishedRun
from curate.pipeline.decide import steps
from curate.pipeline.rollups import Funnel, Level, funnel

RUN = "curate.run"
COMMANDS = {
    "curate.decide": "Other rules over the stored measures",
    "curate.mix": "How often each document is read, by group and phase",
    "curate.decontaminate": "Items of benchmarks looked for in the texts",
    "curate.export": "Written to files, in splits that no near-duplicate straddles",
}
_STEPS = {
    "read": "Records read from the input files",
    "extract": "Main text taken out of the pages",
    "duplicates": "Copies and near-copies of other documents removed",
}


@dataclass(frozen=True)
class Activity:
    """A step: a name, what it does in a sentence, and its counts by name."""

    name: str
    description: str
    counts: dict[str, int] = field(default_factory=dict)


def funnel_of(run: FinishedRun) -> Funnel:
    """Documents and tokens by step, of a run that has rollups; steps that later commands added come last."""
    rollups = run.scan("rollups").collect()
    order = steps(run.settings)
    later = sorted(set(rollups["step"].drop_nulls().to_list()) - set(order))
    return funnel(rollups, [*order, *later])


def activities(runs: Sequence[FinishedRun]) -> list[Activity]:
    """Of a lineage, the oldest run first."""
    found: list[Activity] = []
    for run in reversed(runs):
        found += _of_run(run) if run.run.started.kind == RUN and run.has("rollups") else [_of_command(run)]
    return found


def _of_run(run: FinishedRun) -> list[Activity]:
    settings = run.settings
    levels = funnel_of(run).levels
    found = []
    for level in levels:
        rules = f"Rules of the family {level.step} (profile {settings.profile.name})"
        said = _STEPS.get(level.step, rules)
        if level.step == "extract":
            said += f" by {settings.extract.engine}, language by {_model(settings.language.model)}"
        found.append(Activity(level.step, said, _counts(level)))
        if level.step == "extract":
            edits = run.run.manifest.counts.get("edits", 0) if run.run.manifest else 0
            said = "Lines, citation marks and personal data cut or replaced, each as a span that is recorded"
            found.append(Activity("edit", said, {"edits": edits}))
            models = [f"{one.name} by {_model(one.run)}" for one in settings.classify.named()]
            if models:
                found.append(
                    Activity(
                        "classify",
                        f"Scores, domains and finds of trained models: {', '.join(models)}",
                        {"models": len(models)},
                    )
                )
    return found


def _model(name: str) -> str:
    return "the built-in model" if name == "builtin" else name.replace("\\", "/").rsplit("/", 1)[-1]


def _counts(level: Level) -> dict[str, int]:
    return {
        "documents_in": level.documents_in,
        "dropped": level.dropped,
        "failed": level.failed,
        "documents_out": level.documents_out,
    }


def _of_command(run: FinishedRun) -> Activity:
    kind = run.run.started.kind
    assert run.run.manifest is not None
    name = kind.removeprefix("curate.")
    return Activity(name, COMMANDS.get(kind, f"curate {name}"), dict(run.run.manifest.counts))
