"""Which judge: the recipe of `evalkit judge`, and the judge that it means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from evalkit.judge.judges import Panel, RecordedJudge, RewardJudge, VoiceJudge
from evalkit.judge.mask import Mask
from evalkit.judge.outputs import read_recorded
from evalkit.judge.prompt import open_prompt
from evalkit.judge.types import Judge
from train.ask import VoiceSettings, open_voice
from workbench.recipes import Section


class Member(Section):
    """One judge: a model that reads (`voice`, asked by `prompt`), a reward model (`reward`), or recorded verdicts."""

    voice: VoiceSettings | None = None
    prompt: str = "pair"
    reward: str | None = None
    recorded: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.voice, self.reward, self.recorded)) != 1:
            raise ValueError("a judge is one of voice, reward and recorded")
        return self


class JudgeSettings(Section):
    """Who judges and how.

    order: `both` asks about every pair in both orders; `one` draws an order by AlpacaEval's rule. mask: whether names
    of the compared models, and those by which an assistant introduces itself, are taken out before a model reads them.
    """

    judges: tuple[Member, ...]
    order: Literal["both", "one"] = "both"
    mask: bool = True
    seed: int = 0

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.judges:
            raise ValueError("names no judge")
        return self


def open_judge(settings: JudgeSettings, root: Path, models: Sequence[str] = (), *, cache: bool = True) -> Judge:
    """The judge, or the panel of them, of answers by `models`. UserError for what is missing.

    cache: whether a server's answers are taken from the workspace, and kept there.
    """
    mask = Mask(models, active=settings.mask)
    members = [_open(member, mask, settings.seed, root, cache) for member in settings.judges]
    return members[0] if len(members) == 1 else Panel(members)


def _open(member: Member, mask: Mask, seed: int, root: Path, cache: bool) -> Judge:
    if member.voice is not None:
        return VoiceJudge(open_voice(member.voice, root, cache=cache), open_prompt(member.prompt), mask, seed=seed)
    if member.reward is not None:
        from train.reward.scorer import open_reward

        return RewardJudge(open_reward(member.reward, root))
    assert member.recorded is not None
    return RecordedJudge(member.recorded.name, read_recorded(member.recorded))
