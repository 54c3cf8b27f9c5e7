"""From settings to a reward: files read, models opened, clients made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import xxhash

from train.ask import ANSWERS
from train.reward.scorer import open_reward as open_scorer
from train.rewards import rules
from train.rewards.compound import BaselineReward, HumanReward, ModelReward, WeightedSum
from train.rewards.files import by_prompt
from train.rewards.judge import PAIR_PROMPT, SCORE_PROMPT, JudgeReward, check_fields
from train.rewards.settings import (
    Arithmetic,
    Baseline,
    Exact,
    Format,
    Human,
    Judge,
    Length,
    Model,
    Part,
    Regex,
    Repetition,
    RewardSettings,
    UnitTests,
)
from train.rewards.types import Reward
from train.rewards.unittests import TestsReward
from workbench.endpoints import Client
from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.recipes import dump, from_file, from_set, resolve

_ANSWER = ("answers", "answer", "response", "completion", "output")


@dataclass(frozen=True, slots=True)
class _Places:
    root: Path
    base: Path
    transport: httpx.BaseTransport | None


def read_settings(path: Path, sets: Sequence[str] = ()) -> RewardSettings:
    """The settings in a YAML file, and what `--set` changes of them. UserError with line and column."""
    return resolve(RewardSettings, [from_file(path), *(from_set(each) for each in sets)]).recipe


def open_reward(
    settings: RewardSettings,
    root: Path,
    *,
    base: Path = Path(),
    name: str = "reward",
    transport: httpx.BaseTransport | None = None,
) -> Reward:
    """The reward of these settings: a weighted sum of their parts; `close` it in the end.

    root: the workspace, where runs are looked up and answers of judges kept. base: the folder that file names are
    relative to. transport: for tests. Raises UserError (exit 4) for files and models that are missing or damaged.
    """
    places = _Places(root, base, transport)
    members: dict[str, tuple[float, Reward]] = {}
    for title, part in settings.parts.items():
        members[title] = part.weight, _open(f"{name}.{title}", part, places)
    digest = _digest(dump(settings), *(reward.digest for _, reward in members.values()))
    return WeightedSum(name, digest, members)


def _open(name: str, part: Part, places: _Places) -> Reward:
    if isinstance(part, Model):
        scorer = open_scorer(part.run, places.root, device=part.device, template=part.template)
        return ModelReward(name, _digest(dump(part), scorer.digest), scorer)
    if isinstance(part, Judge):
        return _judge(name, part, places)
    if isinstance(part, Human):
        path = places.base / part.scores
        return HumanReward(name, _digest(dump(part), _of(path)), part, path)
    if isinstance(part, Baseline):
        path = places.base / part.answers
        inner = open_reward(part.reward, places.root, base=places.base, name=name, transport=places.transport)
        return BaselineReward(
            name, _digest(dump(part), _of(path), inner.digest), inner, by_prompt(path, _ANSWER), part.equal
        )
    if isinstance(part, UnitTests):
        path = places.base / part.tests
        return TestsReward(name, _digest(dump(part), _of(path)), part, by_prompt(path, ("tests",)))
    if isinstance(part, Exact):
        path = places.base / part.answers
        rule = rules.exact(part, by_prompt(path, _ANSWER))
        return rules.RuleReward(name, _digest(dump(part), _of(path)), rule)
    return rules.RuleReward(name, _digest(dump(part)), _rule(part))


def _rule(part: Arithmetic | Regex | Length | Format | Repetition) -> rules.Rule:
    if isinstance(part, Arithmetic):
        return rules.arithmetic(part)
    if isinstance(part, Regex):
        return rules.matches(part)
    if isinstance(part, Length):
        return rules.length(part)
    if isinstance(part, Format):
        return rules.form(part)
    return rules.repetition(part)


def _judge(name: str, part: Judge, places: _Places) -> JudgeReward:
    template = SCORE_PROMPT if part.baseline is None else PAIR_PROMPT
    if part.prompt is not None:
        template = read_text(places.base / part.prompt)
    wanted = ("prompt", "response") if part.baseline is None else ("prompt", "a", "b")
    check_fields(template, wanted, f"the prompt of {name}")
    answers = None if part.baseline is None else by_prompt(places.base / part.baseline, _ANSWER)
    digests = ["quoted", dump(part), template] + ([] if part.baseline is None else [_of(places.base / part.baseline)])
    client = Client(part.endpoint, cache=places.root / ANSWERS, transport=places.transport)
    return JudgeReward(name, _digest(*digests), part, client, template, answers)


def read_text(path: Path) -> str:
    """A text file of the user's. UserError (exit 4) where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(f"cannot read {path}: {what}", hint="name a text file", code=Exit.INPUT) from None


def _of(path: Path) -> str:
    if not path.is_file():
        hint = "files of rewards are relative to the file with the settings"
        raise UserError(f"no file {path}", hint=hint, code=Exit.INPUT)
    return sha256(path)


def _digest(*parts: str) -> str:
    return xxhash.xxh3_128_hexdigest("\0".join(parts).encode("utf-8", "surrogatepass"))
