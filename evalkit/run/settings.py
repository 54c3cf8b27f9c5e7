"""The recipe of an evaluation: which model, which tasks, and what of a task is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveInt

from evalkit.retrieval.settings import Retrieve
from evalkit.tasks import Sources, Task, expand
from workbench import recipes
from workbench.errors import UserError, did_you_mean
from workbench.recipes import Section


class EvalSettings(Section):
    """What `evalkit run` does. The model and what decides its answers come first."""

    model: str
    precision: Literal["fp32", "bf16"] = "fp32"
    best: bool = False
    """A run's best checkpoint instead of its last."""
    base: str | None = None
    """The model that an adapter belongs to, where it lies elsewhere than the adapter says."""
    template: str | None = None
    """Of conversations, instead of the tokenizer's own."""
    bos: bool | None = None
    """Whether prompts begin with the begin-of-text token; null: as the tokenizer's own files say."""
    server: dict[str, Any] = {}  # noqa: RUF012  (pydantic copies it)
    """How a server is asked, beside its address and model: concurrency, price, budget, timeout_s, attempts ..."""
    tasks: tuple[str, ...] = ()
    """Tasks, `task@preset`, suites, and files of the user's own."""
    presets: str = ""
    """Of tasks that name none: `all`, or several joined by `+`."""
    shots: NonNegativeInt | None = None
    """Examples of every task that can have any, instead of its own number."""
    limit: PositiveInt | None = None
    """Items of a task, drawn by the seed."""
    seed: int = 0
    """Of the limit's draw and of what a model draws."""
    data: dict[str, str] = {}  # noqa: RUF012  (pydantic copies it)
    """By task (or `task:shots`): a file, a folder, a URL."""
    data_root: tuple[str, ...] = ()
    """Folders in which tasks look for the names they know."""
    text_bos: Literal["context", "scored", "none"] = "context"
    """How texts that are read whole begin: see `evalkit.models.types.Windows`."""
    change: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    """By task: settings of it that are not its own, such as `{gsm8k: {decoding: {max_new: 512}}}`."""
    retrieve: Retrieve | None = None
    """Asks every task a second time, with documents of a corpus run before each question."""


def wanted(settings: EvalSettings, base: Path) -> tuple[list[Task], Sources]:
    """The tasks as the settings want them, and where their data are, looked for but not read.

    base: what paths in the settings are relative to. UserError for unknown tasks, values they do not take, and data
    that are not there.
    """
    tasks = changed(settings, expand(settings.tasks, presets=settings.presets))
    if not tasks:
        raise UserError("no tasks are named", hint="name some with --tasks; `evalkit tasks` lists them")
    given = {name: place if "://" in place else str(base / place) for name, place in settings.data.items()}
    sources = Sources(given, [base / root for root in settings.data_root])
    for task in tasks:
        sources.locate(task.name, task.data)
        if task.shots.count and task.shots.source is not None:
            sources.locate(task.name, task.shots.source, shots=True)
    return tasks, sources


def check_names(places: Iterable[str], tasks: Sequence[Task]) -> None:
    """UserError for data of a task that is not run: a recipe may hold those of others, a command has no use for any."""
    known = {task.name for task in tasks}
    for name in places:
        if name.removesuffix(":shots") not in known:
            raise UserError(f"--data {name}: no such task is run", hint=did_you_mean(name, known))


def changed(settings: EvalSettings, tasks: Sequence[Task]) -> list[Task]:
    """The tasks as the settings want them. UserError for a task that is not among them, or a value it does not take."""
    known = {name for task in tasks for name in (task.name, task.label)}
    for name in settings.change:
        if name not in known:
            raise UserError(f"change.{name}: no such task is run", hint=did_you_mean(name, known))
    return [_changed(settings, task) for task in tasks]


def _changed(settings: EvalSettings, task: Task) -> Task:
    layers = [recipes.from_values(task.model_dump(mode="json"), task.label)]
    if settings.shots is not None and task.formulation != "rolling":
        layers.append(recipes.from_values({"shots": {"count": settings.shots}}, "shots"))
    for name in dict.fromkeys([task.name, task.label]):
        if name in settings.change:
            layers.append(recipes.from_values(settings.change[name], f"change.{name}"))
    return recipes.resolve(Task, layers).recipe if len(layers) > 1 else task
