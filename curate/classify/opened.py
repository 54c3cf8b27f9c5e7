"""The models that a run asks, opened: each is what its training left, or nothing starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from curate.classify import pii
from curate.classify.config import HARM, Classify
from curate.classify.measures import Classifier
from curate.classify.model import FOLDER, Model, open_model
from curate.classify.tagger import Tagger
from curate.edits.pii.kinds import KINDS
from workbench.errors import Exit, UserError, did_you_mean
from workbench.files import sha256
from workbench.runs import Run


@dataclass(frozen=True)
class Opened:
    """classifier: what gives measures. tagger: of names and addresses. runs: those that hold the models, each once.

    classify: the section with every run by its path. digests: of the files of each model, by its name.
    """

    classifier: Classifier
    tagger: Tagger | None
    runs: list[Run]
    classify: Classify
    digests: dict[str, str]


def find(classify: Classify, root: Path) -> Opened:
    """Opens what a recipe names, by id under `root` or path.

    Raises UserError (exit 4) for a run that is missing, unfinished, of another kind, or whose model was changed since
    it was made; (exit 2) for a harm that its model does not know.
    """
    runs: dict[Path, Run] = {}
    paths: dict[str, str] = {}
    digests: dict[str, str] = {}
    for one in classify.named():
        try:
            run = Run.open(one.run, root)
        except UserError as error:
            raise UserError(f"classify.{one.name}: {error.message}", hint=error.hint, code=error.code) from None
        where = f"classify.{one.name}: the run {run.path}"
        if run.manifest is None:
            raise UserError(f"{where} is not finished", hint="run its training again", code=Exit.INPUT)
        if run.manifest.kind != one.kind:
            command = one.kind.replace("curate.", "curate ")
            hint = f"name a run of `{command} train`"
            raise UserError(f"{where} is a {run.manifest.kind} run, not {one.kind}", hint=hint, code=Exit.INPUT)
        _unchanged(run, where)
        runs.setdefault(run.path.resolve(), run)
        paths[one.name], digests[one.name] = str(run.path), digest(run.path)
    resolved = classify.at(paths)
    classifier, tagger = _load(resolved)
    return Opened(classifier, tagger, list(runs.values()), resolved, digests)


def load(classify: Classify, digests: dict[str, str]) -> tuple[Classifier, Tagger | None]:
    """The models of a section whose runs stand by their paths, for a worker. Raises UserError (exit 4) where one is not
    what `digests` says."""
    for one in classify.named():
        if digest(Path(one.run)) != digests.get(one.name):
            message = f"classify.{one.name}: the model in {one.run} was changed while the run used it"
            raise UserError(message, hint="run the same command again", code=Exit.INPUT)
    return _load(classify)


def digest(run: Path) -> str:
    """SHA-256 over the files of a run's model, by their names."""
    found = hashlib.sha256()
    for path in sorted((run / FOLDER).glob("*")):
        found.update(f"{path.name}\0{sha256(path)}\n".encode())
    return found.hexdigest()


def _unchanged(run: Run, where: str) -> None:
    """A model is what the manifest of its run says: scores of another one would be told as its own."""
    assert run.manifest is not None
    hint = f"see curate verify {run.path}; train it again"
    listed = {file.path: file.sha256 for file in run.manifest.outputs if file.path.startswith(f"{FOLDER}/")}
    there = {f"{FOLDER}/{path.name}" for path in (run.path / FOLDER).glob("*")}
    if not listed or set(listed) - there:
        raise UserError(f"{where} has lost its model", hint=hint, code=Exit.INPUT)
    for path in sorted(there):
        if listed.get(path) != sha256(run.path / path):
            raise UserError(f"{where}: {path} was changed since it was trained", hint=hint, code=Exit.INPUT)


def _load(classify: Classify) -> tuple[Classifier, Tagger | None]:
    by_path: dict[str, Model] = {}
    models: dict[str, dict[str, Model]] = {}
    tagger = None
    for one in classify.named():
        if one.name == "pii":
            tagger = _tagger(Path(one.run))
            continue
        if one.run not in by_path:  # one model may know several harms: it is asked once
            by_path[one.run] = open_model(Path(one.run) / FOLDER)
        found = by_path[one.run]
        if one.kind == HARM and one.own not in found.labels:
            hint = did_you_mean(one.own, found.labels) or f"it knows {', '.join(found.labels)}"
            raise UserError(f"classify.{one.name}: the model in {one.run} knows no harm called '{one.own}'", hint=hint)
        models.setdefault(one.family, {})[one.own] = found
    return Classifier(models), tagger


def _tagger(run: Path) -> Tagger:
    found = pii.open_tagger(run / FOLDER)
    taken = [kind for kind in found.kinds if kind in KINDS]
    if taken:
        message = f"classify.pii: the tagger in {run} finds '{taken[0]}', which patterns find already"
        raise UserError(message, hint="train it with another name under `kinds`")
    return found
