"""Training of the tagger of names and addresses: labelled spans, split by template, judged by whole spans."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt

from curate.classify import files, linear, split, tagger
from curate.classify.config import PII as KIND
from curate.classify.model import FOLDER, Described, batch_of
from curate.classify.settings import Linear
from curate.classify.tagger import OTHER, Tagged, Tagger
from curate.measures.batch import Batch
from workbench.errors import Exit, UserError, did_you_mean
from workbench.files import sha256, write_text
from workbench.manifest import Input
from workbench.recipes import Section, dump
from workbench.runs import Run
from workbench.yamltree import dump as dump_values

_CHUNK = 256


class Spans(Section):
    """A file of texts with spans; the names of its fields are those of presidio-research."""

    path: str
    text: str = "full_text"
    spans: str = "spans"
    type: str = "entity_type"
    start: str = "start_position"
    end: str = "end_position"
    group: str | None = "template_id"
    """Texts made from one template are kept on one side of the split; null: each text alone."""


class Pii(Section):
    """`curate pii train`."""

    labelled: list[Spans] = Field(min_length=1)
    kinds: dict[str, list[str]] = Field(
        default_factory=lambda: {"name": ["PERSON"], "address": ["STREET_ADDRESS", "ADDRESS"]}, min_length=1
    )
    """What is looked for, and what the files call it; all other spans are ordinary text."""
    across: list[str] = Field(default_factory=lambda: ["address"])
    """Kinds that run over commas and line ends: parts that stand together are one find."""
    linear: Linear = Linear(c=30.0, least_documents=2)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    held_out: float = Field(default=0.2, gt=0, lt=1)
    seed: NonNegativeInt = 0


class Text(NamedTuple):
    """A labelled text; spans are (start, end, kind) in code points."""

    text: str
    spans: list[tuple[int, int, str]]
    group: str


@dataclass
class TrainedTagger:
    """The run and its evaluation."""

    run: Run
    evaluation: dict[str, Any]
    was_done: bool = False


def read(settings: Pii, folder: Path) -> tuple[list[Text], list[Input]]:
    """The texts of all files. Raises UserError with the line of a row that has no text or spans outside of it."""
    kind_of = {name: kind for kind, names in settings.kinds.items() for name in names}
    if OTHER in settings.kinds:
        raise UserError(f"a kind cannot be called '{OTHER}'", hint="choose another name under kinds")
    texts: list[Text] = []
    inputs = []
    seen: Counter[str] = Counter()
    for source in settings.labelled:
        for path in files.files_of(folder / source.path):
            if not files.is_table(path):
                raise UserError(f"{path} has no fields", hint="spans are read from JSONL or Parquet")
            name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
            inputs.append(Input(path=name, bytes=path.stat().st_size, digest=sha256(path)))
            for row in files.read_rows(path):
                texts.append(_text(source, path, row, kind_of, seen))
    for kind in settings.kinds:
        if not any(one == kind for text in texts for _, _, one in text.spans):
            hint = f"the files have {', '.join(name for name, _ in seen.most_common(12))}"
            raise UserError(f"no span of the files is of the kind '{kind}'", hint=hint)
    return texts, inputs


def _text(source: Spans, path: Path, row: files.Row, kind_of: dict[str, str], seen: Counter[str]) -> Text:
    text, spans = row.values.get(source.text), row.values.get(source.spans)
    for name, value, wanted in ((source.text, text, str), (source.spans, spans, list)):
        if not isinstance(value, wanted):
            hint = did_you_mean(name, list(row.values)) or f"its fields: {', '.join(list(row.values)[:12])}"
            raise row.error(f"no field '{name}' that is a {'text' if wanted is str else 'list'}", hint)
    found = []
    assert isinstance(text, str)
    assert isinstance(spans, list)
    for span in spans:
        try:
            kind, start, end = span[source.type], int(span[source.start]), int(span[source.end])
        except (KeyError, TypeError, ValueError):
            hint = f"a span has {source.type}, {source.start} and {source.end}"
            raise row.error("a span has no type or place", hint) from None
        if not 0 <= start < end <= len(text):
            raise row.error(f"a span from {start} to {end} is not in a text of {len(text)} characters", "check the row")
        seen[str(kind)] += 1
        if kind in kind_of:
            found.append((start, end, kind_of[kind]))
    key = row.values.get(source.group) if source.group is not None else None
    return Text(text, sorted(found), f"{path.name} {key}" if key is not None else f"{path.name}:{row.line}")


def fit(texts: Sequence[Text], settings: Pii) -> Tagger:
    """Trains on all of the texts."""
    labels = [*sorted(settings.kinds), OTHER]
    batches = _batches(texts)
    tags, groups = [], []
    for batch, part in batches:
        mine = _tags(batch, part, labels)
        tags.append(mine)
        owner = np.repeat(np.arange(batch.docs), np.diff(batch.segments.words_uax29.first))
        groups += [part[doc].group for doc in owner.tolist()]
    found = np.concatenate(tags)
    return tagger.train(
        [batch for batch, _ in batches], found, labels, settings.across, groups, settings.linear, settings.seed
    )


def _batches(texts: Sequence[Text]) -> list[tuple[Batch, list[Text]]]:
    parts = [list(texts[begin : begin + _CHUNK]) for begin in range(0, len(texts), _CHUNK)]
    return [(batch_of([one.text for one in part]), part) for part in parts]


def _tags(batch: Batch, texts: Sequence[Text], labels: list[str]) -> NDArray[np.int64]:
    words, first = batch.segments.words_uax29, batch.segments.text.first
    tags = np.full(len(words.begin), labels.index(OTHER), np.int64)
    for doc, text in enumerate(texts):
        low, high = int(words.first[doc]), int(words.first[doc + 1])
        begin, end = words.begin[low:high] - first[doc], words.end[low:high] - first[doc]
        for start, stop, kind in text.spans:
            tags[low:high][(end > start) & (begin < stop)] = labels.index(kind)
    return tags


def judge(texts: Sequence[Text], trained: Tagger, threshold: float) -> dict[str, Any]:
    """Precision and recall of whole spans, and of the characters in them, for each kind."""
    found: list[list[Tagged]] = []
    for batch, part in _batches(texts):
        here: list[list[Tagged]] = [[] for _ in part]
        for hit in trained.find(batch, threshold):
            here[hit.doc].append(hit)
        found += here
    by_kind = {}
    for kind in trained.labels:
        if kind == OTHER:
            continue
        counts: Counter[str] = Counter()
        for text, hits in zip(texts, found, strict=True):
            true = _joined(text, kind, kind in trained.across)
            told = {(hit.start, hit.end) for hit in hits if hit.kind == kind}
            covered, true_at = _characters(told), _characters(true)
            counts += Counter(
                spans=len(true),
                found=len(told),
                exact=len(true & told),
                touched=sum(bool(_characters({one}) & covered) for one in true),
                characters=len(true_at),
                found_characters=len(covered),
                right_characters=len(covered & true_at),
            )
        by_kind[kind] = _rates(counts)
    return {"texts": len(texts), "threshold": threshold, "by_kind": by_kind}


def _rates(counts: Counter[str]) -> dict[str, Any]:
    precision = counts["exact"] / max(1, counts["found"])
    recall = counts["exact"] / max(1, counts["spans"])
    return {
        "spans": counts["spans"],
        "found": counts["found"],
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-12, precision + recall),
        "touched": counts["touched"] / max(1, counts["spans"]),
        "character_precision": counts["right_characters"] / max(1, counts["found_characters"]),
        "character_recall": counts["right_characters"] / max(1, counts["characters"]),
    }


def _joined(text: Text, kind: str, across: bool) -> set[tuple[int, int]]:
    """The spans of one kind; what the tagger would join is one span here too."""
    found: list[tuple[int, int]] = []
    for start, end in (_trim(text.text, start, end) for start, end, one in text.spans if one == kind):
        between = text.text[found[-1][1] : start] if found else ""
        apart = any(sign.isalnum() for sign in between) or not (across or set(between) <= {" ", "."})
        if found and not apart:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return set(found)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the marks at its ends: the tagger's finds begin and end with words."""
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return start, end


def _characters(spans: set[tuple[int, int]]) -> set[int]:
    return {at for start, end in spans for at in range(start, end)}


def write(
    settings: Pii, folder: Path, *, out: Path | None, root: Path, force: bool, attach: Callable[[Path], None]
) -> TrainedTagger:
    """Trains into a run: model/, evaluation.json, card.md and the manifest; no text is stored."""
    began = time.monotonic()
    texts, inputs = read(settings, folder)
    held, _ = split.held_out(["text"] * len(texts), [text.group for text in texts], settings.held_out, settings.seed)
    recipe = dump(settings) + dump_values({"inputs": [one.model_dump(mode="json") for one in inputs]})
    run = Run.create(out, KIND, recipe, root=root, force=force)
    with run:
        attach(run.path)
        if run.is_finished:
            return TrainedTagger(run, json.loads((run.path / "evaluation.json").read_text("utf-8")), True)
        trained = fit([text for text, out_ in zip(texts, held, strict=True) if not out_], settings)
        unseen = [text for text, out_ in zip(texts, held, strict=True) if out_]
        evaluation = {"trained_on": len(texts) - len(unseen), **judge(unseen, trained, settings.threshold)}
        model_folder = run.path / FOLDER
        model_folder.mkdir()
        trained.engine.save(model_folder)
        described = Described(
            kind=KIND,
            engine="linear",
            labels=trained.labels,
            exclusive=True,
            reads="words",
            features=tagger.KIND,
            across=trained.across,
        )
        write_text(model_folder / "model.json", described.model_dump_json(indent=2) + "\n")
        write_text(run.path / "evaluation.json", json.dumps(evaluation, indent=1) + "\n")
        write_text(run.path / "card.md", card(settings, evaluation))
        run.finish(
            counts={"texts": len(texts), "held_out": len(unseen)},
            timings={"total": round(time.monotonic() - began, 3)},
            inputs=inputs,
        )
    return TrainedTagger(run, evaluation)


def load(name: str, root: Path) -> Tagger:
    """The tagger of a finished run. UserError where the run holds none."""
    run = Run.open(name, root)
    if run.manifest is None or run.manifest.kind != KIND:
        raise UserError(f"{run.path} holds no tagger", hint="name a run of curate pii train", code=Exit.INPUT)
    return open_tagger(run.path / FOLDER)


def open_tagger(folder: Path) -> Tagger:
    """The tagger in a folder. UserError (exit 4) where it is missing, damaged, or made by another version."""
    try:
        described = Described.model_validate_json((folder / "model.json").read_bytes())
    except (OSError, ValueError):
        raise UserError(f"no model at {folder}", hint="is the run complete?", code=Exit.INPUT) from None
    if described.features != tagger.KIND:
        raise UserError(f"{folder} reads features of another version", hint="train it again", code=Exit.INPUT)
    return Tagger(described.labels, described.across, linear.load(folder))


def card(settings: Pii, evaluation: dict[str, Any]) -> str:
    """Markdown: what was found of what there was, on templates that training did not see."""
    lines = ["# Tagger of names and addresses", "", f"Trained on {evaluation['trained_on']:,} texts; judged on "]
    lines[-1] += f"{evaluation['texts']:,} texts of other templates, threshold {settings.threshold:g}."
    lines += ["", "| kind | spans | found | precision | recall | F1 | touched | characters: precision | recall |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    names = ("precision", "recall", "f1", "touched", "character_precision", "character_recall")
    for kind, row in evaluation["by_kind"].items():
        rates = " | ".join(f"{row[name]:.3f}" for name in names)
        lines.append(f"| {kind} | {row['spans']:,} | {row['found']:,} | {rates} |")
    lines += ["", "A span counts as found only with both ends right; `touched`: any part of it was found.", ""]
    lines += ["## Limits", "", "- Off by default, and beside the patterns, not in place of them."]
    lines += ["- On texts unlike those it was trained on, such as real pages, both precision and recall are lower."]
    return "\n".join(lines) + "\n"
