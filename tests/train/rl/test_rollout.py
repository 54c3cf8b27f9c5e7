"""Rollouts and the stages on them: what is stored, invariants, kills, and everything that may be wrong."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from train.checkpoint import all_complete
from train.cli.commands import app as whole_app
from train.cli.rl import pg, ppo
from train.data.chat import load_template, recorded
from train.distributed import World
from train.open import open_model
from train.plan import Pace
from train.rewards.types import Scores
from train.rl import making
from train.rl.credit import CriticCredit, GroupCredit, Paid
from train.rl.kl import KlSettings
from train.rl.prompts import PromptData, load, prompt_of
from train.rl.rollout import Rollouts
from train.stages import forecast, rl
from train.stages.run import Trained, Where, train
from workbench import console
from workbench.console import Screen
from workbench.errors import UserError

from . import policies


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return policies.make(tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="module")
def whole(folder: Path) -> dict[str, Trained]:
    return {kind: policies.trained(folder, folder / kind, kind, **options(folder, kind)) for kind in ("pg", "ppo")}


def options(folder: Path, kind: str) -> dict[str, Any]:
    """PPO with everything: a second text in the step, a price of KL that moves."""
    if kind == "pg":
        return {"save_every": 3}
    text = {"source": str(folder / "text.txt"), "prepare": {"held_out": 0.1}}
    ptx = {"text": text, "rows": {"tokens": 96, "micro": 2}}
    return {"save_every": 3, "ptx": ptx, "kl": {"target": 0.5, "horizon": 40}}


def told(run: Path, name: str) -> list[float]:
    return pl.read_parquet(run / "metrics").filter(pl.col("kind") == "train")[name].to_list()


def test_what_is_stored(folder: Path, whole: dict[str, Trained]) -> None:
    run = whole["pg"].run.path
    files = sorted((run / "rollouts").iterdir())
    assert [file.name for file in files] == [f"step-{step:08d}.parquet" for step in (0, 4, 8, 12)]
    tables = [pl.read_parquet(file) for file in files]
    assert [table.height for table in tables] == [16] * 4
    # Twelve prompts, four a rollout: each is asked once before any is asked again.
    asked = [table["prompt_id"].unique().to_list() for table in tables]
    assert len({name for three in asked[:3] for name in three}) == 12
    for table in tables:
        assert (table["score"] == table["part.a"] + 0.25 * table["part.short"]).all()
        for name in ("old_logps", "ref_logps", "advantages"):
            assert (table[name].list.len() == table["ids"].list.len()).all()
        assert table["ids"].list.len().max() <= 6
        groups = table.group_by("prompt_id").agg(pl.col("advantage").sum(), pl.col("sample").sort())
        assert groups["advantage"].abs().max() < 1e-5 and groups["sample"].to_list() == [[0, 1, 2, 3]] * 4
        kl = (table["old_logps"].explode().sum() - table["ref_logps"].explode().sum()) / 16
        assert table["kl"].mean() == pytest.approx(kl, abs=1e-5)
    assert tables[0]["kl"].abs().max() == 0.0
    assert {"old_values", "returns"} <= set(pl.read_parquet(whole["ppo"].run.path / "rollouts").columns)


def test_what_is_told(whole: dict[str, Trained]) -> None:
    for one in whole.values():
        run = one.run.path
        assert told(run, "policy.reward")[:4] == [one.data["first"]["reward"]] * 4
        # Each rollout is read in four steps, and the first of them is by the weights that sampled.
        for name, fresh in (("policy.ratio", 1.0), ("policy.approx_kl", 0.0), ("policy.clip_fraction", 0.0)):
            values = told(run, name)
            assert values[::4] == pytest.approx([fresh] * 4, abs=1e-5)
            assert values[1::4] != pytest.approx([fresh] * 4, abs=1e-5) or name == "policy.clip_fraction"
        names = ("reward.a", "entropy", "length", "ended", "dead_groups", "response_kl", "kl", "sampler_gap", "beta")
        for name in names:
            assert all(math.isfinite(value) for value in told(run, f"policy.{name}"))
        assert max(told(run, "policy.sampler_gap")) < 1e-5
        assert one.data["seen"]["rollouts"]["rows"] == 4 * 16 * 2
        trained_on = sum(told(run, "tokens"))
        assert trained_on >= one.data["seen"]["rollouts"]["tokens"]
    ppo = whole["ppo"].run.path
    assert whole["pg"].data["tokens"] == whole["pg"].data["seen"]["rollouts"]["tokens"]
    assert {"value.value_loss", "ptx.loss", "value.value"} <= set(pl.read_parquet(ppo / "metrics").columns)
    assert whole["ppo"].data["measured"][-1]["bits_per_byte"] > 0
    # The controller: a KL above or below 0.5 nats a response moves beta by at most 0.2 * 16 / 40.
    beta, kl = told(ppo, "policy.beta")[::4], told(ppo, "policy.response_kl")[::4]
    for before, after, measured in zip(beta, beta[1:], kl, strict=False):
        error = min(max(measured / 0.5 - 1, -0.2), 0.2)
        assert after == pytest.approx(before * (1 + error * 16 / 40), rel=1e-6)


def test_kill_9_changes_nothing(folder: Path, tmp_path: Path, whole: dict[str, Trained]) -> None:
    script, given = Path(policies.__file__), json.dumps({kind: options(folder, kind) for kind in whole})
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(tmp_path), "1", given],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for kind, kills in json.loads(done.stdout).items():
        assert kills >= 2
        straight = whole[kind].run.path
        assert policies.digest(tmp_path / kind) == policies.digest(straight)
        for file in sorted((straight / "rollouts").iterdir()):
            assert (tmp_path / kind / "rollouts" / file.name).read_bytes() == file.read_bytes()
        for column in ("loss", "grad_norm", "policy.reward", "policy.ratio"):
            assert told(straight, column) == told(tmp_path / kind, column)


def test_every_checkpoint_goes_on_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    """Within a rollout it is read from its file; without the file and without the weights that made it, it is lost."""
    short = {"rollouts": 2, "save_every": 1, "keep": 99}
    stage, where = _stage(folder, tmp_path / "out", **short)
    screen, prepare = Screen(quiet=True, progress=False), stage.prepare
    stage.prepare = lambda path, world: (shutil.copy(path / "started.json", tmp_path), prepare(path, world))[1]
    train(stage, World(), where, screen)
    steps = all_complete(tmp_path / "out")
    assert len(steps) == 8
    last = policies.digest(tmp_path / "out")
    stored = {file.name: file.read_bytes() for file in (tmp_path / "out" / "rollouts").iterdir()}

    def again(step: int) -> None:
        for path in steps[step:]:
            shutil.rmtree(path, ignore_errors=True)  # a second try finds them gone
        shutil.copy(tmp_path / "started.json", tmp_path / "out")
        (tmp_path / "out" / "manifest.json").unlink(missing_ok=True)
        stage, where = _stage(folder, tmp_path / "out", **short)
        train(stage, World(), where, screen)
        assert policies.digest(tmp_path / "out") == last

    again(6)
    # At the start of a rollout whose file tells of other weights: it is sampled again, to the same bytes.
    second = tmp_path / "out" / "rollouts" / "step-00000004.parquet"
    second.write_bytes(stored["step-00000000.parquet"])
    again(4)
    assert second.read_bytes() == stored["step-00000004.parquet"]
    # Without its body, of which the end of the file tells nothing, or without the file.
    size = len(stored[second.name])
    second.write_bytes(stored[second.name][:4] + bytes(size // 2) + stored[second.name][4 + size // 2 :])
    for _ in range(2):
        with pytest.raises(UserError, match="missing or damaged") as caught:
            again(6)
        assert caught.value.file == str(second)
        second.unlink(missing_ok=True)


def _stage(folder: Path, out: Path, kind: str = "pg", **more: Any) -> tuple[Any, Where]:
    where = Where(folder / "root", out)
    made = policies.recipe(folder, kind, **more)
    return getattr(rl, kind)(made, World(), where, Screen(quiet=True, progress=False), base=folder), where


class Spoilt:
    """A reward that fails in a way of its own."""

    name, digest = "spoilt", "0"

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, prompts: Any, responses: Any) -> Scores:
        if self.how == "raises":
            raise KeyError("no such answer")
        total = np.zeros(len(responses) - (self.how == "short"))
        if self.how == "nan":
            total[3] = np.nan
        return Scores(total, {})

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("how", "message"), [("raises", "KeyError"), ("nan", "gave nan"), ("short", r"gave \(15,\) scores for 16")]
)
def test_a_reward_that_fails_is_named_with_its_rows(folder: Path, tmp_path: Path, how: str, message: str) -> None:
    stage, where = _stage(folder, tmp_path / "out")
    source = stage.prepare.__self__
    assert isinstance(source, Rollouts)
    source.maker.reward = Spoilt(how)
    with pytest.raises(UserError, match=f"spoilt.*{message}.*the rows were row ") as caught:
        train(stage, World(), where, Screen(quiet=True, progress=False))
    assert caught.value.code == 4
    assert not (tmp_path / "out" / "rollouts").exists()


def test_equal_rewards_move_nothing_and_are_counted(folder: Path, tmp_path: Path) -> None:
    same = {"parts": {"any": {"kind": "regex", "pattern": ""}}}
    free = {"where": "loss", "coefficient": 0.0}
    done = policies.trained(folder, tmp_path / "out", reward=same, kl=free, rollouts=2)
    assert done.data["dead_groups"] == 8
    assert told(done.run.path, "grad_norm") == [0.0] * 8
    assert set(pl.read_parquet(done.run.path / "rollouts")["advantage"]) == {0.0}


def test_settings_of_what_is_said(folder: Path, tmp_path: Path) -> None:
    """At another temperature sampler and trainer agree as well; an answer without an end has a score of its own."""
    more: dict[str, Any] = {"temperature": 0.7, "without_end": -1.0, "entropy": 0.01, "objective": "dr_grpo"}
    done = policies.trained(folder, tmp_path / "out", rollouts=2, **more, advantage="rloo", whiten="verl")
    table = pl.read_parquet(done.run.path / "rollouts")
    cut = table.filter(pl.col("reason") == "length")
    assert 0 < cut.height < table.height and set(cut["score"]) == {-1.0}
    assert table.filter(pl.col("reason") == "eos")["score"].min() > -1.0
    table = pl.read_parquet(
        policies.trained(folder, tmp_path / "lowest", rollouts=2, without_end="lowest").run.path / "rollouts"
    )
    judged = table["part.a"] + 0.25 * table["part.short"]
    for rollout in (slice(0, 16), slice(16, 32)):  # as the reward says, but nobody gains by having no end
        cut = table["reason"][rollout] == "length"
        assert set(table["score"][rollout].filter(cut)) == {judged[rollout].min()}
        assert (table["score"][rollout] == judged[rollout]).filter(~cut).all()
    halves = policies.trained(folder, tmp_path / "bf16", "ppo", rollouts=2, precision="bf16")
    assert 0 < max(told(halves.run.path, "policy.sampler_gap")) < 0.1


@pytest.mark.parametrize(
    ("usual", "furthest", "is_bad"), [(0.9e-5, 0.9e-4, False), (1.2e-5, 0.0, True), (0.0, 1.2e-4, True)]
)
def test_sampler_and_trainer_may_be_so_far_apart(usual: float, furthest: float, is_bad: bool) -> None:
    """Relative above 1, so that a token of -8 may be off by eight times as much."""
    trained = torch.full((40, 50), -8.0, dtype=torch.float64)
    sampled = trained - 8 * usual
    sampled[3, 4] -= 8 * furthest
    assert making.gap(sampled, trained, 2000, bounded=False) == pytest.approx(usual + furthest, rel=1e-3)
    with pytest.raises(RuntimeError, match="sampler and trainer disagree") if is_bad else contextlib.nullcontext():
        making.gap(sampled, trained, 2000, bounded=True)


def test_prompts_without_room_are_left_out_or_an_error(folder: Path, tmp_path: Path) -> None:
    rows = [{"id": "fits", "prompt": "1?"}, {"id": "long", "prompt": "12? " * 20}]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"path": str(tmp_path / "prompts.jsonl"), "template": "chatml"}
    stage, _ = _stage(folder, tmp_path / "out", data=data)
    assert stage.notes["left_out"] == 1
    # The one that is left is asked four times in a rollout, with other seeds each time.
    batch = stage.terms[0].source.batches(0, 0, 1)[0]
    assert len({tuple(row.tolist()) for row in batch.tokens}) > 1
    with pytest.raises(UserError, match="long: no room for 6 tokens"):
        _stage(folder, tmp_path / "out", data={**data, "too_long": "error"})
    with pytest.raises(UserError, match="has no prompt to answer"):
        _stage(folder, tmp_path / "out", data=data, longest=47)


def test_a_cap_of_prompts_does_not_depend_on_where_they_lie(folder: Path) -> None:
    coder, form = policies.tokenizer(folder), load_template("chatml")
    fits: dict[str, Any] = {"longest": 6, "context": 48, "seed": 0}
    here = load(PromptData(path="prompts.jsonl", cap=5), coder, form, base=folder, **fits)
    whole = load(PromptData(path=str(folder / "prompts.jsonl"), cap=5), coder, form, base=Path(), **fits)
    assert here.names == whole.names and len(here) == 5


@pytest.mark.parametrize("lora", [None, {"r": 2}])
def test_a_policy_says_how_it_was_asked(folder: Path, tmp_path: Path, lora: Any) -> None:
    """Also where that is not the template of the tokenizer that it began with."""
    data = {"path": "prompts.jsonl", "template": "plain"}
    done = policies.trained(folder, tmp_path / "out", data=data, lora=lora, rollouts=1, epochs=1, minibatches=1)
    opened = open_model(str(done.run.path), folder / "root")
    assert opened.form == load_template("plain") != recorded(policies.tokenizer(folder))


def test_prompts_of_any_form() -> None:
    user = {"role": "user", "content": "a"}
    assert prompt_of({"prompt": "a", "response": "b"}) == [user]
    assert prompt_of({"messages": [user, {"role": "assistant", "content": "b"}]}) == [user]
    assert prompt_of({"instruction": "a", "input": "b"}, between="/") == [{"role": "user", "content": "a/b"}]
    assert prompt_of({"prompt": "a", "system": "s"})[0] == {"role": "system", "content": "s"}
    for bad in ({"text": "a"}, {"prompt": " "}, {"prompt": []}, {"prompt": 3}):
        with pytest.raises(UserError, match="prompt"):
            prompt_of(bad)


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("pg", {"reward": None}, "no reward is named"),
        ("pg", {"data": {"path": ""}}, "no prompts are named"),
        ("pg", {"advantage": "grpo"}, "no advantage 'grpo'"),
        ("pg", {"objective": "pop"}, "no objective 'pop'"),
        ("pg", {"responses": 1}, "one is too few"),
        ("pg", {"context": 4096}, "made for 48 positions"),
        ("pg", {"minibatches": 17}, "fewer responses than 17"),
        ("pg", {"lora": {"r": 2, "dropout": 0.1}}, "have no dropout"),
        ("ppo", {"kl": {"where": "loss", "target": 1.0}}, "penalty in the loss is fixed"),
        ("pg", {"kl": {"where": "loss", "estimator": "k1"}}, "mean of its gradient is 0"),
        ("pg", {"kl": {"where": "loss", "estimator": "k2", "corrected": True}}, "k2 corrected is not the KL"),
        ("ppo", {"kl": {"where": "reward", "corrected": True}}, "has no gradient"),
        ("pg", {"kl": {"where": "loss", "corrected": True}, "objective": "gspo"}, "ratio of every token"),
        ("ppo", {"critic": {"start": "nobody"}}, "nobody"),
    ],
)
def test_recipes_that_make_no_sense(folder: Path, tmp_path: Path, kind: str, more: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _stage(folder, tmp_path / "out", kind, **more)


@pytest.mark.parametrize("kind", ["pg", "ppo"])
def test_weights_that_are_shared_out_cannot_be_sampled_from(folder: Path, tmp_path: Path, kind: str) -> None:
    world, where = World(0, 2, sharding="fsdp"), Where(folder / "root", tmp_path / "out")
    with pytest.raises(UserError, match="shared out cannot be sampled from") as caught:
        getattr(rl, kind)(policies.recipe(folder, kind), world, where, Screen(quiet=True), base=folder)
    assert caught.value.hint == "choose sharding: ddp"


def test_a_penalty_in_the_loss_can_be_corrected(folder: Path, tmp_path: Path) -> None:
    """Before anything has moved the ratio is 1, but its gradient is that of the penalty."""
    losses = {}
    for name in ("k1", "k3"):
        kl = {"estimator": name, "where": "loss", "coefficient": 0.5, "corrected": True}
        losses[name] = told(policies.trained(folder, tmp_path / name, rollouts=1, kl=kl).run.path, "loss")
    plain = {"estimator": "k3", "where": "loss", "coefficient": 0.5}
    losses["plain"] = told(policies.trained(folder, tmp_path / "plain", rollouts=1, kl=plain).run.path, "loss")
    assert losses["k1"][0] == pytest.approx(losses["k3"][0], abs=1e-6)
    assert len({tuple(each) for each in losses.values()}) == 3


def test_another_tokenizer_than_the_policys(folder: Path, tmp_path: Path) -> None:
    from train.model.build import read_config
    from train.model.model import Llama
    from train.reward.model import RewardForm, RewardModel, new_heads
    from train.tokenizer.train import train as train_tokenizer

    config = read_config(folder / "base").replace(tied=True)
    other = train_tokenizer(["zyx wvu 9"] * 4, 286)
    (tmp_path / "judge").mkdir()
    model = RewardModel(Llama(config))
    new_heads(model, 1)
    RewardForm(config, other, 1).save(dict(model.state_dict()), tmp_path / "judge")
    with pytest.raises(UserError, match="another tokenizer than the policy"):
        _stage(folder, tmp_path / "out", "ppo", critic={"start": str(tmp_path / "judge")})
    RewardForm(config, policies.tokenizer(folder), 1).save(dict(model.state_dict()), tmp_path / "judge")
    made, where = _stage(folder, tmp_path / "out", "ppo", critic={"start": str(tmp_path / "judge")}, rollouts=1)
    done = train(made, World(), where, Screen(quiet=True, progress=False))
    table = pl.read_parquet(done.run.path / "rollouts")
    assert table["old_values"].explode().std() > 0  # it begins as the reward model, not at 0


def test_adapters_are_trained_against_the_model_without_them(folder: Path, tmp_path: Path) -> None:
    lora = {"r": 2, "alpha": 4}
    for kind in ("pg", "ppo"):
        done = policies.trained(folder, tmp_path / kind, kind, lora=lora, rollouts=2, optim={"lr": 1e-2})
        kl = pl.read_parquet(done.run.path / "rollouts")["kl"].abs()
        assert kl[:16].max() == 0.0 < kl[16:].min()
        assert not (done.run.path / "checkpoints" / "step-00000008" / "model.safetensors").exists()


def test_credit_by_hand() -> None:
    logps, reference = torch.full((2, 3), -1.0), torch.full((2, 3), -1.5)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    paid = Paid(torch.tensor([1.0, 0.0]), logps, reference, torch.zeros(2, 3), mask, 2, 0.1)
    # k1 is 0.5 a token: scores 1 - 0.15 and 0 - 0.1, so they are 0.475 above and below their mean.
    found = GroupCredit("dr_grpo", KlSettings())(paid)
    assert torch.allclose(found.advantages, torch.tensor([[0.475] * 3, [-0.475, -0.475, 0.0]]))
    found = CriticCredit(KlSettings(), lam=1.0, whitening=None)(paid)
    assert torch.allclose(found.advantages, torch.tensor([[0.85, 0.90, 0.95], [-0.10, -0.05, 0.0]]))
    assert found.returns is not None and torch.equal(found.returns, found.advantages)
    found = CriticCredit(KlSettings(where="loss"), lam=1.0, whitening=None)(paid)
    assert torch.allclose(found.advantages, torch.tensor([[1.0] * 3, [0.0] * 3]))


def test_it_learns(folder: Path, tmp_path: Path) -> None:
    more: dict[str, Any] = {"prompts_a_rollout": 4, "responses": 8, "rollouts": 15, "minibatches": 1}
    done = policies.trained(folder, tmp_path / "out", optim={"lr": 1e-2}, **more)
    assert done.data["first"]["reward.a"] < 0.3 < 0.7 < done.data["last"]["reward.a"]


def test_the_commands(folder: Path, tmp_path: Path) -> None:
    app = console.app("train", "A part of it.")
    for each in (pg, ppo):
        app.command(each.__name__)(console.command(f"train.{each.__name__}/1")(each))
    torch.set_num_threads(1)
    (tmp_path / "reward.yaml").write_text(json.dumps(policies.WANTED))
    common = ["--from", folder / "base", "--data", folder / "prompts.jsonl", "--template", "chatml", "--rollouts", 1]
    common += ["--root", tmp_path / "root", "--set", "longest=4", "--set", "prompts_a_rollout=4", "--device", "cpu"]
    for kind in ("pg", "ppo"):
        given = [kind, *common, "--reward", tmp_path / "reward.yaml", "--out", tmp_path / kind, "--responses", 2]
        done = CliRunner().invoke(app, [*map(str, given)])
        assert done.exit_code == 0, done.output
        assert "Rollouts" in done.stdout and "reward.short" in done.stdout
    wrong = CliRunner().invoke(app, [*map(str, ["pg", *common, "--reward", "arithmetic", "--out", tmp_path / "no"])])
    assert wrong.exit_code == 4 and "the prompt holds no arithmetic expression" in wrong.output.replace("\n", " ")


class Unasked:
    """A reward that must not be asked: a forecast costs nothing."""

    name, digest = "unasked", "0"

    def __call__(self, prompts: Any, responses: Any) -> Scores:
        raise AssertionError

    def close(self) -> None:
        pass


@pytest.mark.parametrize("kind", ["pg", "ppo"])
def test_a_forecast(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """It samples and learns, as the training will, and asks no reward; nothing is stored."""
    monkeypatch.setattr(forecast, "PROBE_S", 0.1)
    stage, _ = _stage(folder, tmp_path / "out", kind, **options(folder, kind))
    stage.prepare.__self__.maker.reward = Unasked()
    made, unjudged, said = [], Rollouts.unjudged, []
    monkeypatch.setattr(Rollouts, "unjudged", lambda self, number: made.append(number) or unjudged(self, number))
    monkeypatch.setattr(forecast.plan, "probe", lambda step, seconds: (step(), Pace(1000.0, 1, 0.0))[1])
    found = forecast.forecast(stage, World(), said.append)
    assert made == [0], "a step is one rollout, which all its terms read"
    assert said == [
        "timing rollouts of 16 responses, sampled and learned from, for 0.1 s, or one where it takes longer"
    ]
    assert found["steps"] == 16 and found["tokens"] == stage.seen(16)["rollouts"]["tokens"]
    assert found["seconds"] > 0 and {"reference"} <= found["memory"].keys()
    assert ("critic" in found["memory"]) == (kind == "ppo")
    parts = [size for name, size in found["memory"].items() if name != "total"]
    assert found["memory"]["total"] == sum(parts)
    read = [sum(float((batch.docs >= 0).sum()) for batch in term.source.batches(0, 0, 1)) for term in stage.rehearsal]
    least = 1.5 if kind == "pg" else 2 + 4 / 3 / 2  # the text comes to it
    assert found["flops"] / found["flops_per_token"]["total"] / found["tokens"] >= least - 1e-9
    assert len(read) == len(stage.terms) and all(read)
    assert not (tmp_path / "out").exists()


def test_plans_by_command(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "PROBE_S", 0.1)
    (tmp_path / "reward.yaml").write_text(json.dumps(policies.WANTED))
    given = ["--from", folder / "base", "--data", folder / "prompts.jsonl", "--template", "chatml"]
    given += ["--reward", tmp_path / "reward.yaml", "--root", tmp_path / "root", "--device", "cpu"]
    given += ["--set", "longest=4", "--set", "prompts_a_rollout=2", "--set", "responses=2"]
    for kind in ("pg", "ppo"):
        done = CliRunner().invoke(whole_app, ["plan", kind, *map(str, given)])
        assert done.exit_code == 0 and "arithmetic" in done.stdout, done.output
        assert "timing rollouts of 4 responses" in done.stderr
