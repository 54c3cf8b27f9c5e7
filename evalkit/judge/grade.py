"""Grades from 1 to 10 for answers of one conversation after another: MT-bench's single scoring, turn by turn.

The model answers the first turn of every question, then the second with its own first answer before it, and so on. A
judge grades each answer with the conversation up to there. Answers and grades are stored as they come, by all that
decides them, so a job that breaks off goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from evalkit.judge.mask import Mask
from evalkit.judge.prompt import JudgePrompt
from evalkit.models.types import Asking, Decoding, Model, Prompt
from evalkit.statistics.intervals import mean
from train.data.blocks import clean
from train.data.records import bad_row, read_records
from workbench.endpoints.cache import Cache
from workbench.envelope import jsonable
from workbench.errors import Exit, UserError
from workbench.files import remove, sha256, write_text
from workbench.manifest import Input
from workbench.quoting import quoted
from workbench.runs import Run
from workbench.yamltree import dump

if TYPE_CHECKING:
    from train.ask import Voice

SCHEMA = "evalkit.grade/1"
KIND = "grade"
SUMMARY, ROWS = "summary.json", "grades.jsonl"
GRADES = Path("cache") / "grades.sqlite"
SCRATCH = Path("units") / "grades.sqlite"
_UNIT = 32
T = TypeVar("T")


class Question(NamedTuple):
    """What is asked one turn after another."""

    id: str
    category: str
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graded:
    """One answer. turn: from 1. grade: None where there is none; error then says why."""

    question: Question
    turn: int
    said: tuple[str, ...]
    grade: float | None = None
    reason: str = ""
    error: str | None = None


def read_questions(path: Path) -> list[Question]:
    """Rows of `turns` (a list of texts) with `question_id` and `category` where known. UserError for others."""
    found: dict[str, Question] = {}
    for row, values in read_records(path):
        turns, name = values.get("turns"), str(values.get("question_id", row))
        if not isinstance(turns, list) or not turns or not all(isinstance(one, str) for one in turns):
            raise bad_row(path, row, "no texts in `turns`", "MT-bench's form")
        if name in found:
            raise bad_row(path, row, f"question {name} was there before", "ids of their own")
        found[name] = Question(name, str(values.get("category") or ""), tuple(map(clean, turns)))
    if not found:
        raise UserError(f"{path} holds no questions", hint="rows of question_id, category, turns", code=Exit.INPUT)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Grading:
    """All that decides a run."""

    questions: Sequence[Question]
    source: Path
    model: Model
    voice: Voice
    prompt: JudgePrompt
    mask: Mask
    decoding: Decoding
    seed: int = 0

    @property
    def recipe(self) -> str:
        """By which the run is known."""
        names = {"model": self.model.digest, "judge": self.voice.digest, "prompt": self.prompt.digest}
        more = {"mask": self.mask.digest, "decoding": asdict(self.decoding), "seed": self.seed}
        return dump(jsonable({**names, **more, "questions": [list(one) for one in self.questions]}))


def grade(asked: Grading, root: Path, *, out: Path | None = None, force: bool = False, cache: bool = True) -> Run:
    """The finished run. UserError as `Run.create`, and (exit 3) where not one answer has a grade.

    cache: whether answers and grades are taken from the workspace, and kept there for other runs.
    """
    if asked.prompt.kind != "score":
        raise UserError(f"{asked.prompt.name} judges pairs", hint="--prompt score, or a prompt of that kind")
    if "chat" not in asked.model.can:
        raise UserError(
            f"{asked.model.name} answers no conversations", hint="a model with a chat template, or chat:URL#NAME"
        )
    from train.ask import advice

    run = Run.create(out, KIND, asked.recipe, root=root, force=force)
    with run:
        if not run.is_finished:
            with Cache(root / GRADES if cache else run.path / SCRATCH) as store:
                rows = _graded(asked, _answered(asked, store), store)
            summary = summarise(asked, rows)
            if not any(row.grade is not None for row in rows):
                first = str(rows[0].error)
                message = f"not one of {len(rows):,} answers has a grade: {first}"
                raise UserError(message, hint=advice(first), code=Exit.PARTIAL)
            write_text(run.path / ROWS, "".join(json.dumps(_row(row)) + "\n" for row in rows))
            write_text(run.path / SUMMARY, json.dumps(jsonable(summary), indent=1, allow_nan=False) + "\n")
            source = Input(path=str(asked.source), bytes=asked.source.stat().st_size, digest=sha256(asked.source))
            run.finish(counts={"answers": len(rows), "failed": summary["failed"]}, inputs=[source])
            remove(run.path / SCRATCH.parent)
    return run


def forecast(asked: Grading) -> dict[str, Any]:
    """What the job would take at most, before anything is asked: every answer as long as it may be."""
    from train.ask import How

    longest = "word " * asked.decoding.max_new
    rows = [
        Graded(question, turn, (longest,) * turn)
        for question in asked.questions
        for turn in range(1, len(question.turns) + 1)
    ]
    prompts = [Prompt(tuple(_messages(row.question, row.said[:-1], row.turn))) for row in rows]
    answers = asked.model.forecast(Asking(prompts=prompts, decoding=asked.decoding))
    messages = [asked.prompt.messages(conversation=_shown(asked, row)) for row in rows]
    grades = asked.voice.forecast(messages, How(asked.prompt.max_new, 0.0))
    cost = answers.cost + grades.cost
    return {"answers": len(rows), "model": answers._asdict(), "judge": grades.data(), "cost": cost}


def _answered(asked: Grading, cache: Cache) -> list[Graded]:
    """Every turn of every question, answered; turns behind one that failed fail with it."""
    open_rows = [Graded(question, 0, ()) for question in asked.questions]
    found: list[Graded] = []
    for turn in range(1, max(len(question.turns) for question in asked.questions) + 1):
        due = [row for row in open_rows if len(row.question.turns) >= turn]
        prompts = [Prompt(tuple(_messages(row.question, row.said, turn))) for row in due if row.error is None]

        def ask(unit: Sequence[Prompt]) -> Iterator[tuple[int, dict[str, Any]]]:
            for number, each in asked.model.generate(unit, asked.decoding, seed=asked.seed):
                yield number, {"text": clean(each[0].text), "error": each[0].error}

        keys = ["answer", asked.model.digest, asdict(asked.decoding), asked.seed]
        said = iter(_stored(cache, keys, prompts, lambda one: one.said, ask))
        open_rows = []
        for row in due:
            if row.error is None:
                body = next(said)
                row = replace(row, said=(*row.said, body["text"]), error=body["error"])
            open_rows.append(replace(row, turn=turn))
        found += open_rows
    return sorted(found, key=lambda row: (asked.questions.index(row.question), row.turn))


def _messages(question: Question, said: Sequence[str], turn: int) -> Iterator[dict[str, str]]:
    for number in range(turn):
        yield {"role": "user", "content": question.turns[number]}
        if number < len(said):
            yield {"role": "assistant", "content": said[number]}


def _graded(asked: Grading, rows: Sequence[Graded], cache: Cache) -> list[Graded]:
    from train.ask import How

    def ask(unit: Sequence[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, each in enumerate(asked.voice.say(unit, How(asked.prompt.max_new, 0.0), seed=asked.seed)):
            value = None if each.error is not None else asked.prompt.grade(each.text)
            missing = None if value is not None else "the judge's last line is no grade"
            yield number, {"grade": value, "text": clean(each.text), "error": each.error or missing}

    prompts = [asked.prompt.messages(conversation=_shown(asked, row)) for row in rows if row.error is None]
    keys = ["grade", asked.voice.digest, asked.prompt.digest, asked.seed]
    said = iter(_stored(cache, keys, prompts, lambda one: one, ask))
    found = []
    for row in rows:
        if row.error is not None:
            found.append(row)
            continue
        body = next(said)
        found.append(replace(row, grade=body["grade"], reason=body["text"], error=body["error"]))
    return found


def _shown(asked: Grading, row: Graded) -> str:
    """The conversation as the judge sees it, every text quoted and the model's name taken out of its answers."""
    messages = list(_messages(row.question, row.said, row.turn))
    texts = [asked.mask.count(one["content"])[0] if one["role"] == "assistant" else one["content"] for one in messages]
    parts = zip(messages, quoted(texts), strict=True)
    return "\n\n".join(f"{one['role'].title()}:\n{text}" for one, text in parts)


def _stored(
    cache: Cache,
    keys: list[Any],
    prompts: Sequence[T],
    told: Callable[[T], Any],
    ask: Callable[[Sequence[T]], Iterator[tuple[int, dict[str, Any]]]],
) -> list[dict[str, Any]]:
    """What is stored, and what `ask` gives for the rest; only what has no error is kept."""
    names = [hashlib.sha256(json.dumps([*keys, told(one)], default=dict).encode()).hexdigest() for one in prompts]
    found = {name: body for name in names if (body := cache.get(name)) is not None}
    missing = {name: one for name, one in zip(names, prompts, strict=True) if name not in found}
    order = list(missing)
    for start in range(0, len(order), _UNIT):
        unit = order[start : start + _UNIT]
        fresh = {unit[number]: body for number, body in ask([missing[name] for name in unit])}
        cache.put_all({name: body for name, body in fresh.items() if body["error"] is None})
        found |= fresh
    return [found[name] for name in names]


def summarise(asked: Grading, rows: Sequence[Graded]) -> dict[str, Any]:
    """Mean grades with intervals, clustered by question: of all, by turn, by category, and both."""
    turns = sorted({row.turn for row in rows})
    names = list(dict.fromkeys(row.question.category for row in rows))
    errors: dict[str, int] = {}
    for row in rows:
        if row.error is not None:
            errors[row.error] = errors.get(row.error, 0) + 1
    return {
        "schema": SCHEMA,
        "model": asked.model.name,
        "judge": {
            "name": f"{asked.voice.name} ({asked.prompt.name} {asked.prompt.version})",
            "digest": asked.voice.digest,
        },
        "all": _mean(rows),
        "turns": {str(turn): _mean([row for row in rows if row.turn == turn]) for turn in turns},
        "categories": {
            name: {
                "all": _mean([row for row in rows if row.question.category == name]),
                "turns": {
                    str(turn): _mean([row for row in rows if row.question.category == name and row.turn == turn])
                    for turn in turns
                },
            }
            for name in names
        },
        "failed": sum(errors.values()),
        "errors": errors,
        "account": {"model": dict(asked.model.account()), "judge": asked.voice.account.data()},
    }


def _mean(rows: Sequence[Graded]) -> dict[str, Any]:
    known = [row for row in rows if row.grade is not None]
    return asdict(mean([row.grade or 0.0 for row in known], [row.question.id for row in known], bounded=False))


def _row(row: Graded) -> dict[str, Any]:
    return {
        "question_id": row.question.id,
        "category": row.question.category,
        "turn": row.turn,
        "answer": row.said[-1] if row.said else "",
        "grade": row.grade,
        "said": row.reason,
        "error": row.error,
    }
