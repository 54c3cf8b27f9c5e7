from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_tokenizers import small_tokenizer
from typer.testing import CliRunner

from train.cli.commands import app
from train.cli.stages import resolve
from train.data.sft import load
from train.stages.settings import Anneal, Dpo, Pg, Ppo, Pretrain, Reward, Sft, Training
from workbench import recipes
from workbench.errors import UserError

ROWS = {
    "questions.jsonl": {"question": "Who?", "context": "A fox ran.", "answer": "A fox."},
    "documents.jsonl": {"document": "A fox ran far.", "summary": "It ran."},
    "problems.jsonl": {"question": "1 + 1?", "answer": "One and one. #### 2"},
    "passages.jsonl": {"prompt": "Call me", "response": " Ishmael."},
    "chats.jsonl": {"prompt": "hi", "response": "hello"},
}


@pytest.mark.parametrize("name", ["domain", "style", "question-answering", "summarization", "reasoning"])
def test_every_recipe_that_comes_along_reads_its_data(name: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", name, "--to", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.stdout
    file = tmp_path / f"{name}.yaml"
    assert str(file) in json.loads(done.stdout)["data"]["files"]
    if name == "domain":
        assert recipes.resolve(Anneal, [recipes.from_file(file)]).recipe.length == 5_000_000
        return
    for data, row in ROWS.items():
        (tmp_path / data).write_text(json.dumps(row) + "\n")
    recipe = recipes.resolve(Sft, [recipes.from_file(file)]).recipe
    template = recipe.data.model_copy(update={"template": "plain"})
    loaded = load(template, small_tokenizer(), 256, base=tmp_path, seed=0)
    assert sum(len(each) for each in loaded.sets.values()) == len(recipe.data.sets)
    assert CliRunner().invoke(app, ["init", name, "--to", str(tmp_path)]).exit_code == 2


def test_the_list() -> None:
    done = CliRunner().invoke(app, ["init", "--json"])
    assert len(json.loads(done.stdout)["data"]["recipes"]) == 6
    assert CliRunner().invoke(app, ["init", "stile"]).exit_code == 2


def test_one_recipe_of_several_stages(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["init", "instruct", "--to", str(tmp_path)]).exit_code == 0
    file = tmp_path / "instruct.yaml"
    assert resolve(Pretrain, file, {}, None).length == 500_000
    assert resolve(Sft, file, {"--epochs": ("epochs", 7)}, ["optim.lr=0.25"]).model_dump()["epochs"] == 7
    assert resolve(Dpo, file, {}, None).data.sets == resolve(Reward, file, {}, None).data.sets
    group, ppo = resolve(Pg, file, {}, None), resolve(Ppo, file, {}, None)
    assert (group.kl.where, ppo.kl.where, ppo.ptx.text.prepare.held_out) == ("loss", "reward", 0.1)
    with pytest.raises(UserError, match="nothing for this stage, 'anneal'") as refused:
        resolve(Anneal, file, {}, None)
    assert "pretrain, sft, reward, dpo, pg, ppo" in refused.value.hint
    file.write_text("stages: 3")
    with pytest.raises(UserError, match="nothing for this stage"):
        resolve(Ppo, file, {}, None)
    file.write_text("stages:\n  ppo: {rollouts: 3, rollout: 4}")
    with pytest.raises(UserError, match=r"unknown name 'rollout'"):
        resolve(Ppo, file, {}, None)


@pytest.mark.parametrize("stage", [Anneal, Sft, Pg])
def test_naming_one_value_of_a_section_leaves_the_others(stage: type[Training]) -> None:
    whole = recipes.resolve(stage, []).recipe.optim
    part = recipes.resolve(stage, [recipes.from_set("optim.lr=0.125")]).recipe.optim
    assert part == whole.model_copy(update={"lr": 0.125})


def test_the_penalty_of_a_policy_stays_where_its_stage_puts_it() -> None:
    whole = recipes.resolve(Pg, []).recipe.kl
    part = recipes.resolve(Pg, [recipes.from_set("kl.coefficient=0.5")]).recipe.kl
    assert part == whole.model_copy(update={"coefficient": 0.5})
