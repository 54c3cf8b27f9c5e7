"""Data of supervised fine-tuning: conversations, of which only the answers are learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from train.data import chat
from train.data.batch import IGNORED
from train.data.conversations import Form, conversation
from train.data.examples import Example, Report, capped
from train.data.instructions import read_tasks, task_files
from train.data.mixture import Mixture, Part, Phase
from train.data.packing import Ints, plan
from train.data.pieces import Piece, Rendered, encode
from train.data.records import files_of, read_records
from train.data.shorten import shorten
from workbench.errors import Exit, UserError
from workbench.recipes import Section

_AT_ONCE = 1024  # conversations encoded together

TooLong = Literal["error", "truncate", "drop"]


class SftSet(Section):
    """One set of fine-tuning data in a recipe."""

    path: str
    """A file or folder of rows; with `format: templates`, a YAML of tasks."""
    name: str = ""
    """Default: the name of the file."""
    format: Form | Literal["templates"] = "auto"
    cap: int | None = Field(None, ge=1)
    """At most so many rows, chosen by a hash of their names."""
    weight: float | None = Field(None, gt=0)
    """Relative share of the tokens; give all sets one or none. Without: every set is read equally often."""


class SftData(Section):
    """The `data:` section of fine-tuning recipes."""

    sets: list[SftSet] = Field(min_length=1)
    template: str | None = None
    """A shipped template, a YAML of your own, or a .jinja file; default: that of the tokenizer."""
    too_long: TooLong = "truncate"
    """What becomes of conversations longer than the context."""
    invalid: Literal["error", "drop"] = "error"
    """What becomes of rows that cannot be read, or in which nothing can be learned."""


class Packed(NamedTuple):
    """`Rendered` in a tenth of the memory."""

    ids: npt.NDArray[np.int32]
    mask: npt.NDArray[np.bool_]


def pack(rendered: Rendered | Packed) -> Packed:
    """A conversation's ids and mask as arrays."""
    return Packed(np.asarray(rendered.ids, np.int32), np.asarray(rendered.mask, np.bool_))


class Examples:
    """Rendered conversations as a packer's content: each stays whole in a row."""

    whole = True

    def __init__(self, names: Sequence[str], rendered: Iterable[Rendered | Packed]) -> None:
        self._names = list(names)
        packed = [pack(each) for each in rendered]
        ids, learned = [each.ids for each in packed], [each.mask for each in packed]
        self.lengths: Ints = np.array([len(each) for each in ids], np.int64)
        self._first: Ints = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths)])
        self._ids = np.concatenate([*ids, np.zeros(0, np.int32)])
        self._learned = np.concatenate([*learned, np.zeros(0, np.bool_)])
        # The first token of a document is never a label.
        self._counts: Ints = np.array([int(each[1:].sum()) for each in learned], np.int64)

    def __len__(self) -> int:
        return len(self._names)

    def piece(self, doc: int, start: int, length: int) -> tuple[npt.ArrayLike, npt.ArrayLike]:
        """Tokens and labels of a conversation; the label of its last token is none."""
        begin = int(self._first[doc]) + start
        ids = self._ids[begin : begin + length].astype(np.int64)
        labels = np.full(length, IGNORED, np.int64)
        labels[:-1] = np.where(self._learned[begin + 1 : begin + length], ids[1:], IGNORED)
        return ids, labels

    def labels(self, doc: Ints, length: Ints) -> Ints:
        """Labels of conversations. [pieces]"""
        return self._counts[doc]

    def name(self, doc: int) -> str:
        """The row's name."""
        return self._names[doc]

    def key(self, doc: int) -> bytes:
        """What is said before the first answer: conversations that begin alike belong on one side of a split."""
        part = slice(int(self._first[doc]), int(self._first[doc + 1]))
        learned = self._learned[part]
        return self._ids[part][: int(learned.argmax())].tobytes()

    @cached_property
    def digest(self) -> str:
        """Names all ids and what is learned of them: 32 hex digits."""
        found = blake2b(digest_size=16)
        for array in (self.lengths, self._ids, self._learned):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


class Loaded(NamedTuple):
    """Sets of conversations, and of each: how often it is read for one time the others are, the weight by hand (None
    where the recipe has none), what became of its rows."""

    sets: dict[str, Examples]
    rates: dict[str, float]
    weights: dict[str, float] | None
    reports: dict[str, Report]
    format: chat.Format

    def digest(self) -> str:
        """Names all the data: 32 hex digits."""
        text = "\n".join(f"{name} {each.digest} {self.rates[name]}" for name, each in self.sets.items())
        return blake2b(text.encode(), digest_size=16).hexdigest()


def load(data: SftData, tokenizer: chat.Tokenizer, width: int, *, base: Path, seed: int) -> Loaded:
    """Read and render the sets of a recipe; paths are relative to `base`.

    Raises UserError for a set without a row to learn from, two sets of one name, weights for some sets only; and by
    the policies of the recipe for rows, each by its name.
    """
    beside = base / data.template if data.template and Path(data.template).suffix else None
    form = chat.choose(tokenizer, str(beside) if beside and beside.exists() else data.template)
    weighted = [each for each in data.sets if each.weight is not None]
    if weighted and len(weighted) < len(data.sets):
        raise UserError("some sets have a weight and some have none", hint="give all of them one, or none")
    loaded = Loaded({}, {}, {} if weighted else None, {}, form)
    for each in data.sets:
        found = list(_sources(each, base, form, seed))
        for name, examples, rate in found:
            report = Report(drop_invalid=data.invalid == "drop")
            if name in loaded.sets:
                raise UserError(f"there are two sets '{name}'", hint="give one of them another name")
            loaded.sets[name] = render_all(examples(report), tokenizer, form, width, report, data.too_long)
            loaded.rates[name] = rate
            loaded.reports[name] = report
            if not len(loaded.sets[name]):
                reasons = ", ".join(f"{reason} ({count})" for reason, count in report.dropped.items()) or "it is empty"
                message = f"set '{name}' has no row to learn from: {reasons}"
                raise UserError(message, hint="correct the rows, or leave the set out")
        if loaded.weights is not None and each.weight is not None:
            rows = {name: loaded.rates[name] * loaded.sets[name].lengths.sum() for name, *_ in found}
            loaded.weights.update({name: each.weight * count / sum(rows.values()) for name, count in rows.items()})
    return loaded


def render_all(
    examples: Iterable[Example],
    tokenizer: chat.Tokenizer,
    form: chat.Format,
    width: int,
    report: Report,
    too_long: TooLong = "truncate",
) -> Examples:
    """Conversations as ids, none longer than `width`; `report` says what becomes of bad rows and gets the counts."""
    names: list[str] = []
    kept: list[Packed] = []
    rest = iter(examples)
    while some := list(islice(rest, _AT_ONCE)):
        pieces = [_pieces(example, tokenizer, form, report) for example in some]
        good = [(example, each) for example, each in zip(some, pieces, strict=True) if each is not None]
        for (example, _), rendered in zip(good, encode([each for _, each in good], tokenizer), strict=True):
            fitting: Rendered | None = rendered
            if len(rendered.ids) > width:
                fitting = _fit(example, tokenizer, form, width, too_long, report)
            if fitting is not None and not any(fitting.mask[1:]):
                report.refuse(example.name, UserError("all of its labels are masked", hint="it needs an answer"))
                fitting = None
            if fitting is not None:
                names.append(example.name)
                kept.append(pack(fitting))
    found = Examples(names, kept)
    report.rows, report.tokens = len(found), int(found.lengths.sum())
    report.labels = int(found.labels(np.arange(len(found)), found.lengths).sum())
    return found


class Conversations(Mixture):
    """A `Source` of whole conversations, packed without cutting any; only answers and what ends them are labels.

    Without weights every set is read equally often (times its rate), and `steps` is what `epochs` times all rows need,
    rounded up: the last step goes on into the next epoch. With weights each set has that share of the rows. documents:
    of a set, the conversations that are read (default: all).
    """

    def __init__(
        self,
        sets: Mapping[str, Examples],
        *,
        rows: int,
        micro: int,
        width: int,
        seed: int,
        epochs: float = 1.0,
        steps: int | None = None,
        weights: Mapping[str, float] | None = None,
        rates: Mapping[str, float] | None = None,
        documents: Mapping[str, Ints] | None = None,
    ) -> None:
        chosen = {name: np.arange(len(each), dtype=np.int64) for name, each in sets.items()} | dict(documents or {})
        packed = {name: plan(sets[name].lengths[docs], width, whole=True).rows for name, docs in chosen.items()}
        natural = {name: count * (rates or {}).get(name, 1.0) for name, count in packed.items()}
        if steps is None:
            steps = max(1, int(np.ceil(epochs * sum(natural.values()) / rows - 1e-9)))
        parts = {name: Part(sets[name], docs) for name, docs in chosen.items()}
        phase = Phase("main", steps, weights or natural)
        super().__init__(parts, [phase], rows=rows, micro=micro, width=width, seed=seed)

    def fill(self) -> float:
        """The share of positions that hold a token, over one reading of all sets."""
        rows = sum(stream.cycle for stream in self.streams.values())
        return sum(stream.tokens for stream in self.streams.values()) / (rows * self.width)


def data_files(data: SftData, base: Path) -> list[Path]:
    """All files that the sets of a recipe are read from, each once; paths are relative to `base`."""
    found: dict[Path, None] = {}
    for each in data.sets:
        path = base / each.path
        found |= dict.fromkeys(task_files(path) if each.format == "templates" else files_of(path))
    return list(found)


_Read = Callable[[Report], Iterator[Example]]


def _sources(each: SftSet, base: Path, form: chat.Format, seed: int) -> Iterator[tuple[str, _Read, float]]:
    """Name, examples and rate of each set that an entry of a recipe stands for."""
    path = base / each.path
    if each.format == "templates":
        for task in read_tasks(path, seed, cap=each.cap):
            yield task.name, task.examples, task.rate
        return
    shape: Form = each.format

    def read(report: Report) -> Iterator[Example]:
        records = capped(read_records(path), each.cap, f"{seed}:{path.name}")
        for name, values in records:
            try:
                yield Example(name, conversation(values, shape, between=form.input))
            except UserError as error:
                report.refuse(name, error)

    yield each.name or path.name.split(".")[0], read, 1.0


def _pieces(example: Example, tokenizer: chat.Tokenizer, form: chat.Format, report: Report) -> list[Piece] | None:
    try:
        return form.pieces(example.messages, tokenizer)
    except UserError as error:
        report.refuse(example.name, error)
        return None


def _fit(
    example: Example, tokenizer: chat.Tokenizer, form: chat.Format, width: int, policy: TooLong, report: Report
) -> Rendered | None:
    if policy == "error":
        hint = "raise the context, or choose too_long: truncate or drop"
        raise UserError(f"{example.name}: longer than the context of {width} tokens", hint=hint, code=Exit.INPUT)
    found = None
    if policy == "truncate":
        found, how = shorten(example.messages, lambda messages: chat.render(messages, tokenizer, form), width)
        if found is not None:
            for each in how:
                report.note(report.shortened, each, example.name)
    if found is None:
        report.note(report.dropped, "longer than the context", example.name)
    return found
