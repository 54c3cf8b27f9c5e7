"""The judges: a language model, a reward model of ours, recorded verdicts, and several of them together."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.judge.mask import Mask
from evalkit.judge.prompt import JudgePrompt
from evalkit.judge.types import Duel, Judge, Verdict
from workbench.endpoints import Forecast
from workbench.events import Listener
from workbench.quoting import quoted

if TYPE_CHECKING:
    from train.ask import Said, Voice
    from train.reward.scorer import Scorer


NO_PREFERENCE = "the recorded judge gave no verdict"


class VoiceJudge:
    """A model that reads: its probabilities of two names, or a verdict parsed from what it writes.

    The answers stand between marks that do not occur in them, so that nothing in an answer can close its quotation.
    """

    ordered = True

    def __init__(self, voice: Voice, prompt: JudgePrompt, mask: Mask, *, seed: int = 0) -> None:
        self.voice, self.prompt, self.mask, self.seed = voice, prompt, mask, seed
        self.name = f"{voice.name} ({prompt.name} {prompt.version})"
        self.digest = hashlib.sha256(f"{voice.digest}\n{prompt.digest}\n{mask.digest}\n{seed}".encode()).hexdigest()

    def judge(self, duels: Sequence[Duel], *, listener: Listener | None = None) -> list[Verdict]:
        """Verdicts by the prompt's own way."""
        asked = [self._messages(duel) for duel in duels]
        if self.prompt.options is not None:
            chosen = self.voice.choose(asked, self.prompt.options)
            return [Verdict(math.nan, error=one.error) if one.error else Verdict(one.shares[1]) for one in chosen]
        from train.ask import How

        said = self.voice.say(asked, How(self.prompt.max_new, 0.0), seed=self.seed, listener=listener)
        return [self._read(one) for one in said]

    def _messages(self, duel: Duel) -> list[dict[str, str]]:
        shown = self.mask(duel)
        instruction, first, second = quoted([shown.instruction, shown.first, shown.second])
        return self.prompt.messages(instruction=instruction, first=first, second=second)

    def _read(self, said: Said) -> Verdict:
        if said.error is not None:
            return Verdict(math.nan, error=said.error)
        share = self.prompt.share(said.text)
        if share is None:
            return Verdict(math.nan, said.text, "the judge's last line is no verdict")
        return Verdict(share, said.text)

    def forecast(self, duels: Sequence[Duel]) -> Forecast:
        """At the prices of the endpoint."""
        from train.ask import How

        return self.voice.forecast([self._messages(duel) for duel in duels], How(self.prompt.max_new, 0.0))

    def account(self) -> Mapping[str, Any]:
        """Of the model."""
        return self.voice.account.data()

    def close(self) -> None:
        """Close connections."""
        self.voice.close()


class RewardJudge:
    """A reward model: P(second > first) = sigmoid(score(second) - score(first)), whichever is shown first."""

    ordered = False

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.name, self.digest = scorer.name, scorer.digest
        self._scored = 0

    def judge(self, duels: Sequence[Duel], *, listener: Listener | None = None) -> list[Verdict]:
        """Verdicts; an answer that does not fit into the model's context has none."""
        ids = [self.scorer.ids([duel.instruction] * 2, [duel.first, duel.second]) for duel in duels]
        found = [Verdict(math.nan, error=f"longer than the {self.scorer.context:,} tokens the judge reads")] * len(
            duels
        )
        fits = [number for number, both in enumerate(ids) if max(map(len, both)) <= self.scorer.context]
        if fits:
            from train.reward.objective import preferred

            heads = self.scorer.score_ids([one for number in fits for one in ids[number]])
            shares = preferred(heads[1::2], heads[::2]).mean(-1).tolist()
            for number, share in zip(fits, shares, strict=True):
                found[number] = Verdict(share)
        self._scored += len(duels)
        return found

    def forecast(self, duels: Sequence[Duel]) -> Forecast:
        """It costs nothing but time."""
        return Forecast(len(duels), 0, 0, 0, 0.0, False)

    def account(self) -> Mapping[str, Any]:
        """How many duels it judged."""
        return {"requests": self._scored, "cost": 0.0}

    def close(self) -> None:
        """Nothing is held but memory."""


class RecordedJudge:
    """Verdicts that were given before, by (instruction, first, second); in the other order their complement."""

    ordered = False

    def __init__(self, name: str, shares: Mapping[Duel, float]) -> None:
        self.name, self.shares = name, shares
        lines = sorted(f"{one!r} {share!r}" for one, share in shares.items())
        self.digest = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

    def judge(self, duels: Sequence[Duel], *, listener: Listener | None = None) -> list[Verdict]:
        """What is recorded; a duel that is not has an error."""
        return [self._verdict(duel) for duel in duels]

    def _verdict(self, duel: Duel) -> Verdict:
        if duel in self.shares:
            share = self.shares[duel]
        elif duel.turned() in self.shares:
            share = 1 - self.shares[duel.turned()]
        else:
            return Verdict(math.nan, error="no verdict is recorded")
        return Verdict(share, error=None if math.isfinite(share) else NO_PREFERENCE)

    def forecast(self, duels: Sequence[Duel]) -> Forecast:
        """Nothing is asked."""
        return Forecast(0, 0, 0, 0, 0.0, False)

    def account(self) -> Mapping[str, Any]:
        """Nothing is paid."""
        return {}

    def close(self) -> None:
        """Nothing is held."""


class Panel:
    """Several judges: the mean of the shares of those that gave one; a duel that most of them miss has no verdict."""

    def __init__(self, members: Sequence[Judge]) -> None:
        self.members = members
        self.name = " + ".join(member.name for member in members)
        self.digest = hashlib.sha256("\n".join(member.digest for member in members).encode()).hexdigest()
        self.ordered = any(member.ordered for member in members)

    def judge(self, duels: Sequence[Duel], *, listener: Listener | None = None) -> list[Verdict]:
        """The members' verdicts put together; what each said stands behind its name."""
        said = [member.judge(duels, listener=listener) for member in self.members]
        return [self._together([one[number] for one in said]) for number in range(len(duels))]

    def _together(self, verdicts: Sequence[Verdict]) -> Verdict:
        shares = [verdict.share for verdict in verdicts if verdict.error is None]
        told = "\n\n".join(
            f"{member.name}: {f'{verdict.share:.3f}' if verdict.error is None else verdict.error}"
            + (f"\n{verdict.said}" if verdict.said else "")
            for member, verdict in zip(self.members, verdicts, strict=True)
        )
        if 2 * len(shares) <= len(verdicts):
            return Verdict(math.nan, told, f"{len(verdicts) - len(shares)} of {len(verdicts)} judges gave no verdict")
        return Verdict(math.fsum(shares) / len(shares), told)

    def forecast(self, duels: Sequence[Duel]) -> Forecast:
        """Of all members."""
        parts = [member.forecast(duels) for member in self.members]
        return Forecast(
            sum(part.requests for part in parts),
            sum(part.cached for part in parts),
            sum(part.prompt_tokens for part in parts),
            sum(part.completion_tokens for part in parts),
            math.fsum(part.cost for part in parts),
            any(part.estimated for part in parts),
        )

    def account(self) -> Mapping[str, Any]:
        """By member."""
        return {member.name: dict(member.account()) for member in self.members}

    def close(self) -> None:
        """Close them all."""
        for member in self.members:
            member.close()
