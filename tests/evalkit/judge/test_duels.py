"""Judging pairs: both orders, ties nobody is asked about, stored verdicts, failures, and what the order does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import speaking_models

from evalkit.judge.duels import Asked, judge_all, position
from evalkit.judge.judges import Panel, RecordedJudge, VoiceJudge
from evalkit.judge.mask import MASK, Mask, masked
from evalkit.judge.prompt import open_prompt
from evalkit.judge.types import Duel, Verdict
from evalkit.judge.winrate import is_switched
from train.ask import Own
from workbench.errors import Exit, UserError


class Longer:
    """Prefers the longer answer, and a little the one shown first."""

    name, digest, ordered = "longer", "longer", True

    def __init__(self, fails: str = "", liking: float = 0.1) -> None:
        self.fails, self.liking, self.asked = fails, liking, 0

    def judge(self, duels: Sequence[Duel], *, listener: object = None) -> list[Verdict]:
        self.asked += len(duels)
        found = []
        for duel in duels:
            share = 1 / (1 + math.exp(len(duel.first) - len(duel.second))) - self.liking
            failed = bool(self.fails) and self.fails in duel.instruction
            found.append(Verdict(math.nan, error="down") if failed else Verdict(min(max(share, 0), 1), "said"))
        return found


DUELS = [Duel("one", "aa", "aaaa"), Duel("two", "same", "same"), Duel("three", "bbbbbb", "b")]


def test_both_orders_are_asked_and_put_together(tmp_path: Path) -> None:
    judge = Longer()
    asked = Asked.of(DUELS, judge, "both")  # type: ignore[arg-type]
    assert len(asked.questions()) == 4
    judged = judge_all(asked, judge, tmp_path / "verdicts.sqlite")  # type: ignore[arg-type]
    assert [round(one.share, 6) for one in judged] == [
        pytest.approx((1 / (1 + math.exp(-2)) - 0.1 + 1 - (1 / (1 + math.exp(2)) - 0.1)) / 2, abs=1e-6),
        0.5,
        pytest.approx((0 + 1 - (1 / (1 + math.exp(-5)) - 0.1)) / 2, abs=1e-6),
    ]
    found = position(judged)
    assert found is not None and found.first.n == 2 and found.first.value > 0.05 and found.consistent.value == 1
    again = Longer()
    assert judge_all(asked, again, tmp_path / "verdicts.sqlite") == judged and again.asked == 0  # type: ignore[arg-type]


def test_one_order_follows_the_instruction(tmp_path: Path) -> None:
    asked = Asked.of(DUELS, Longer(), "one")  # type: ignore[arg-type]
    assert [orders for orders in asked.orders if any(orders)] == [
        (not is_switched(name), is_switched(name)) for name in ("one", "three")
    ]
    assert position(judge_all(asked, Longer(), tmp_path / "v.sqlite")) is None  # type: ignore[arg-type]


def test_a_failure_is_no_verdict_and_is_asked_again(tmp_path: Path) -> None:
    asked = Asked.of(DUELS, Longer(), "both")  # type: ignore[arg-type]
    judged = judge_all(asked, Longer("one"), tmp_path / "v.sqlite")  # type: ignore[arg-type]
    assert judged[0].error == "down" and math.isnan(judged[0].share) and judged[2].error is None
    later = Longer()
    assert judge_all(asked, later, tmp_path / "v.sqlite")[0].error is None and later.asked == 2  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no verdict on any of 4 questions: down"):
        judge_all(asked, Longer("e"), tmp_path / "w.sqlite")  # type: ignore[arg-type]


def test_one_question_that_is_refused_keeps_nothing_from_its_end(tmp_path: Path) -> None:
    class Refusing(Longer):
        """Fails as a server does that answers none of what it is asked at a time."""

        def judge(self, duels: Sequence[Duel], *, listener: object = None) -> list[Verdict]:
            if all("refused" in duel.instruction for duel in duels):
                raise UserError("failed on all requests", code=Exit.PARTIAL)
            return super().judge(duels)

    duels = [Duel(f"q{number}", "a", "bb") for number in range(32)] + [Duel("refused", "a", "bb")]
    asked = Asked(duels, [(True, False)] * len(duels))
    judged = judge_all(asked, Refusing(), tmp_path / "v.sqlite")  # type: ignore[arg-type]
    assert [one.error for one in judged] == [None] * 32 + ["failed on all requests"]
    assert judge_all(asked, Refusing(), tmp_path / "v.sqlite")[32].error  # type: ignore[arg-type]
    with pytest.raises(UserError, match="failed on all"):
        judge_all(Asked(duels[32:], [(True, False)]), Refusing(), tmp_path / "w.sqlite")  # type: ignore[arg-type]


def test_recorded_verdicts_hold_in_either_order() -> None:
    recorded = RecordedJudge("r", {DUELS[0]: 0.9, DUELS[2]: math.nan})
    said = recorded.judge([DUELS[0], DUELS[0].turned(), DUELS[2], DUELS[1]])
    assert [one.error for one in said] == [None, None, "the recorded judge gave no verdict", "no verdict is recorded"]
    assert [said[0].share, said[1].share] == pytest.approx([0.9, 0.1])


def test_a_panel_needs_most_of_its_members() -> None:
    members = [
        RecordedJudge("a", {DUELS[0]: 0.9}),
        RecordedJudge("b", {DUELS[0]: 0.6, DUELS[2]: 0.2}),
        RecordedJudge("c", {}),
    ]
    first, second = Panel(members).judge([DUELS[0], DUELS[2]])
    assert first.share == pytest.approx(0.75) and "a: 0.900" in first.said
    assert second.error == "2 of 3 judges gave no verdict"


@pytest.mark.parametrize(
    ("text", "shown", "count"),
    [
        ("I am ChatGPT, trained by OpenAI. OpenAI is a firm.", f"I am {MASK}, trained by {MASK}. OpenAI is a firm.", 2),
        ("Claude Monet painted lilies.", "Claude Monet painted lilies.", 0),
        ("Ask base-7 or Base-7!", f"Ask {MASK} or {MASK}!", 2),
        ("I'm an AI model by Anthropic", f"I'm an AI model by {MASK}", 1),
    ],
)
def test_names_are_taken_out(text: str, shown: str, count: int) -> None:
    assert masked(text, ["base-7"]) == (shown, count)
    assert Mask(["base-7"], active=False).count(text) == (text, 0)


def test_prompts_are_read_by_their_last_line() -> None:
    reasoned = open_prompt("reasoned")
    assert reasoned.share("Better: A\nno, wait\nBetter: B\n") == 1
    assert reasoned.share("**Better: tie**") == 0.5
    assert reasoned.share("Better: A or B") is None and reasoned.share("") is None
    assert open_prompt("score").grade("fine\nGrade: 10") == 10
    assert open_prompt("score").grade("Grade: 0") is None
    with pytest.raises(UserError, match="no judge's prompt 'reson'"):
        open_prompt("reson")
    messages = open_prompt("pair").messages(instruction="{first}", first="x", second="y")
    assert "{first}" in messages[1]["content"] and messages[1]["content"].count("x") >= 1


def test_why_a_model_gave_no_verdict_is_told() -> None:
    judge = VoiceJudge(Own("own", speaking_models.speaker(), chat=True), open_prompt("pair"), Mask([]))
    (verdict,) = judge.judge([Duel("a question", "six " * 99, "b")])
    assert verdict.error == "longer than the 96 tokens that own reads"
