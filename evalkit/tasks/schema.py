"""What a task is: a YAML file that says where items come from, how each is asked, and what an answer is worth."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from evalkit.tasks.metrics import METRICS
from evalkit.tasks.templates import check_expression, check_template
from workbench import yamltree
from workbench.errors import did_you_mean
from workbench.recipes import Section

Text = Annotated[str, AfterValidator(check_template)]
"""A Jinja template over the fields of an item."""
Expression = Annotated[str, AfterValidator(check_expression)]
"""A Jinja expression over the fields of a row or an item, whose value keeps its type."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)]
Formulation = Literal["choice", "generate", "rolling"]
Kind = Literal[
    "knowledge", "commonsense", "reasoning", "mathematics", "language", "reading", "code", "truthfulness", "safety",
    "instructions", "perplexity",
]  # fmt: skip


class Data(Section):
    """Where rows are: names of files (without suffix) and a dataset's folder to look for below a data root; or `made`,
    a set that the package makes, by `seed` and with at most `count` items."""

    files: tuple[str, ...] = ()
    dataset: str | None = None
    config: str | None = None
    split: str = "test"
    made: Literal["arithmetic", "copying", "facts", "grammar", "harmless", "instructions", "invented"] | None = None
    seed: int = 0
    count: int = Field(default=500, ge=1, le=1_000_000)


class Shots(Section):
    """The examples before a question.

    order: `first` of the source; `random` or `balanced` over the answers, drawn once; `each`, drawn anew for every
    item; `helm`, `harness-2023` and `lm-eval` draw exactly as those programs do. same: the field in which examples
    and item agree. fit: what happens where the prompt does not fit: `drop` leaves out the last examples first, `cut`
    cuts tokens from the left; room: tokens that it has to fit into at most (the model's context where that is less).
    """

    count: int = Field(default=0, ge=0, le=1000)
    source: Data | None = None
    order: Literal["first", "random", "balanced", "each", "helm", "harness-2023", "lm-eval"] = "first"
    same: str | None = None
    seed: int = 0
    separator: str = "\n\n"
    fit: Literal["drop", "cut"] = "cut"
    room: int | None = Field(default=None, ge=1)


class Extract(Section):
    """What of an output is the answer: a rule's name, or the text a pattern finds (its first group that matched)."""

    rule: Literal["whole", "first-line", "letter", "last-number", "code"] | None = None
    pattern: str | None = None
    which: Literal["first", "last"] = "first"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.rule is None) == (self.pattern is None):
            raise ValueError("give either `rule` or `pattern`")
        if self.pattern is not None:
            _check_pattern(self.pattern)
        return self


class Normalise(Section):
    """What is made equal before two texts are compared; `remove`: patterns taken out first."""

    remove: tuple[str, ...] = ()
    lower: bool = False
    punctuation: bool = False
    articles: bool = False
    spaces: bool = True

    @model_validator(mode="after")
    def _patterns(self) -> Self:
        for pattern in self.remove:
            _check_pattern(pattern)
        return self


class Decoding(Section):
    """How an answer is generated."""

    max_new: int = Field(default=256, ge=1, le=100_000)
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: tuple[str, ...] = ()
    n: int = Field(default=1, ge=1, le=1000)


class Scoring(Section):
    """What some metrics need besides.

    pass_at_k: k, and how a program is made of an answer (`answer`, and the item's fields), its seconds of CPU and
    by the clock, its memory.
    toxicity: `model`, a run of `curate harm train`, or `words`, a file with one word or phrase a line; `bound`, from
    which a text counts as toxic.
    """

    k: tuple[int, ...] = (1,)
    program: Text = "{{answer}}"
    cpu_s: int = Field(default=10, ge=1, le=600)
    wall_s: float = Field(default=100.0, ge=1, le=6000)
    memory_mb: int = Field(default=512, ge=64)
    model: str | None = None
    words: str | None = None
    bound: float = 0.5


_TOLD = {"title", "source", "licence", "kind", "data", "trained_on", "average", "preset", "passage"}


class Task(Section):
    """One task under one preset.

    forms: for each shape of the data, an expression for every field of an item; the first form whose fields a row has
    is taken. prompt: the question, up to where the answer begins; contexts: in its place a list of them, one for
    every choice. choices, gold (an index, or several), answers (right texts): expressions over the fields and
    `letters`. target: the answer as it stands in an example (by default the right choice, or the first answer).
    header: what stands before the examples. delimiter: between prompt and answer. unconditional: the context in which
    a choice's own likelihood is taken (for acc_mutual_info). group: a field, or expression, by which items are grouped;
    average: of the items (micro) or of the groups (macro). trained_on: names of datasets that hold this task's
    training split. chat: asked as a conversation where the model can hold one. passage: the field with the text that an
    item comes with and that its answer stands in.
    """

    name: Name
    version: int = Field(default=1, ge=1)
    title: str
    source: str
    licence: str
    kind: Kind
    data: Data
    forms: tuple[dict[str, Expression], ...]
    formulation: Formulation = "choice"
    header: Text = ""
    prompt: Text = ""
    contexts: Expression | None = None
    delimiter: str = " "
    target: Text | None = None
    choices: Expression = "choices"
    gold: Expression = "gold"
    answers: Expression = "answers"
    tests: Expression | None = None
    unconditional: Text = ""
    shots: Shots = Shots()
    metrics: tuple[str, ...]
    extract: dict[str, Extract] = Field(default_factory=dict)
    normalise: Normalise = Normalise()
    decoding: Decoding = Decoding()
    scoring: Scoring = Scoring()
    cluster: Expression | None = None
    group: Expression | None = None
    average: Literal["micro", "macro"] = "micro"
    trained_on: tuple[str, ...] = ()
    chat: bool = False
    passage: str | None = None
    preset: Name = "default"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.forms or not self.metrics:
            raise ValueError("at least one form and one metric")
        for metric in self.metrics:
            known = {name for name, each in METRICS.items() if each.formulation == self.formulation}
            if metric not in known:
                near = did_you_mean(metric, known)
                raise ValueError(f"a {self.formulation} task has no metric '{metric}'" + (f" ({near})" if near else ""))
        if self.formulation == "choice" and self.contexts is None and not self.prompt:
            raise ValueError("a choice task needs `prompt` or `contexts`")
        if "pass_at_k" in self.metrics and self.tests is None:
            raise ValueError("pass_at_k needs `tests`")
        if "pass_at_k" in self.metrics and not all(1 <= k <= self.decoding.n for k in self.scoring.k):
            raise ValueError(f"pass_at_k: k from 1 to the number of answers, decoding.n ({self.decoding.n})")
        return self

    @property
    def digest(self) -> str:
        """64 hex digits that change with anything that changes a prompt or a score (not with where data are looked
        for, nor with a title)."""
        deciding = self.model_dump(mode="json", exclude=_TOLD)
        return hashlib.sha256(yamltree.dump(deciding).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def label(self) -> str:
        """`mmlu@helm`, or `mmlu` where the preset is the default one."""
        return self.name if self.preset == "default" else f"{self.name}@{self.preset}"


def _check_pattern(pattern: str) -> None:
    import regex

    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
