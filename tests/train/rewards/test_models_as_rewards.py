from __future__ import annotations

from pathlib import Path

import pytest
import speaking_models

from train.model.build import build
from train.reward.model import RewardForm, RewardModel, new_heads
from train.reward.scorer import open_reward as open_scorer
from train.rewards.open import open_reward
from train.rewards.settings import RewardSettings
from train.rewards.types import checked
from workbench.errors import Exit, UserError
from workbench.recipes import from_values, resolve


def settings(run: str) -> RewardSettings:
    part = {"kind": "model", "run": run, "template": "chatml", "weight": 0.5}
    inner = {"kind": "baseline", "answers": "b.jsonl", "reward": {"parts": {"taste": part}}}
    return resolve(RewardSettings, [from_values({"parts": {"taste": part, "better": inner}}, "test")]).recipe


def test_a_reward_model_scores_and_compares(tmp_path: Path) -> None:
    spoken = speaking_models.speaker()
    model = RewardModel(build(spoken.config, seed=3), 1)
    new_heads(model, 5)
    (tmp_path / "judge").mkdir()
    form = RewardForm(spoken.config.replace(tied=True), spoken.tokenizer, 1)
    form.save(dict(model.state_dict()), tmp_path / "judge")
    (tmp_path / "b.jsonl").write_text('{"prompt": "one two", "response": "four"}\n')
    reward = open_reward(settings(str(tmp_path / "judge")), tmp_path, base=tmp_path)
    found = checked(reward, ["one two"] * 2, ["three", "five six"])
    scorer = open_scorer(str(tmp_path / "judge"), tmp_path, template="chatml")
    wanted = scorer.score(["one two"] * 3, ["three", "five six", "four"])
    assert found.parts["taste"].tolist() == pytest.approx(wanted[:2], abs=1e-5)
    signs = [1.0 if score > wanted[2] else -1.0 for score in wanted[:2]]
    assert found.parts["better"].tolist() == signs
    assert found.total.tolist() == pytest.approx([0.5 * a + b for a, b in zip(wanted, signs, strict=False)], abs=1e-5)


def test_what_is_longer_than_its_context_is_scored_by_its_end_and_counted(tmp_path: Path) -> None:
    spoken = speaking_models.speaker()
    model = RewardModel(build(spoken.config, seed=3), 1)
    new_heads(model, 5)
    (tmp_path / "judge").mkdir()
    form = RewardForm(spoken.config.replace(tied=True), spoken.tokenizer, 1)
    form.save(dict(model.state_dict()), tmp_path / "judge")
    (tmp_path / "b.jsonl").write_text("")
    part = {"kind": "model", "run": str(tmp_path / "judge"), "template": "chatml"}
    made = resolve(RewardSettings, [from_values({"parts": {"taste": part}}, "test")]).recipe
    reward = open_reward(made, tmp_path, base=tmp_path)
    responses = ["three", "three four " * 60]
    found = checked(reward, ["one two"] * 2, responses)
    assert found.parts["taste.too_long"].tolist() == [0, 1]
    scorer = open_scorer(str(tmp_path / "judge"), tmp_path, template="chatml")
    first, second = scorer.ids(["one two"] * 2, responses)
    assert len(second) > 96
    wanted = scorer.score_ids([first, second[-96:]]).mean(-1).tolist()
    assert found.total.tolist() == pytest.approx(wanted, abs=1e-5)
    with pytest.raises(UserError, match="the reward model reads 1 to 96"):
        scorer.score(["one two"], responses[1:])


def test_a_reward_model_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_reward(settings(str(tmp_path / "gone")), tmp_path, base=tmp_path)
    assert caught.value.code in (Exit.INPUT, Exit.USAGE)
