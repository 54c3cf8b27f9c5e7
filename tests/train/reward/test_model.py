"""Reward models: where they look, packed or alone, on disk, and against transformers."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
import speaking_models
import torch

from train.data.batch import PADDING
from train.data.chat import is_same, load_template, record
from train.data.foreign import Foreign
from train.model.build import build
from train.preferences.rows import Responses, Sequenced, collate
from train.preferences.types import Pair
from train.reward.model import RewardForm, RewardModel, last_tokens, load_reward_model, new_heads
from train.reward.objective import response_scores
from train.reward.scorer import Scorer, open_reward, score_ids
from train.tokenizer.train import train
from workbench.errors import Exit, UserError

torch.set_num_threads(1)


def judge(heads=1, kind="llama", tied=False):
    spoken = speaking_models.speaker(kind, tied)
    base = build(spoken.config, seed=3)
    base.load_state_dict(spoken.model.state_dict())
    model = RewardModel(base, heads)
    new_heads(model, 5)
    return model.eval()


def written(directory, heads=2, **how):
    model = judge(heads, **how)
    model.bias += torch.tensor([0.25, -0.5])[:heads]
    spoken = speaking_models.speaker(how.get("kind", "llama"), how.get("tied", False))
    directory.mkdir()
    RewardForm(spoken.config.replace(tied=True), spoken.tokenizer, heads).save(dict(model.state_dict()), directory)
    return model


def test_the_last_token_is_found_by_documents():
    docs = torch.tensor([[0, 0, 1, 1, 1, PADDING], [0, 1, 1, 2, 2, 2], [PADDING] * 6])
    assert last_tokens(docs).nonzero().tolist() == [[0, 1], [0, 4], [1, 0], [1, 2], [1, 5]]


@pytest.mark.parametrize("kind", ["llama", "lstm"])
def test_packed_responses_score_as_they_do_alone(kind):
    model = judge(2, kind)
    generator = torch.Generator().manual_seed(1)
    ids = [torch.randint(0, 400, (n,), generator=generator).tolist() for n in (9, 3, 14, 1, 6, 7)]
    alone = torch.cat([model(torch.tensor([one]), None, torch.zeros(1, len(one), dtype=torch.int64)) for one in ids])
    groups = [[Sequenced(one, 1) for one in ids[:4]], [Sequenced(one, 1) for one in ids[4:]]]
    batch = collate(Responses(["a", "b"], groups, [[Pair(0, 1)]] * 2), np.array([0, 1]), 16)
    assert batch.tokens.shape[0] == 3  # six responses in three rows
    torch.testing.assert_close(response_scores(model, batch), alone, atol=1e-5, rtol=0)
    for micro in (1, 20, 1000):
        torch.testing.assert_close(score_ids(model, ids, 16, micro_tokens=micro), alone.detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("filler", [0, 2])
def test_what_pads_changes_nothing(filler):
    """Also where padding and the last token are one id: transformers' search for `pad_token_id` fails there."""
    model = judge()
    tokens = torch.tensor([[5, 2, 7, 8, 2]])
    alone = model(tokens, None, torch.zeros_like(tokens))
    padded = torch.nn.functional.pad(tokens, (0, 3), value=filler)
    docs = torch.tensor([[0] * 5 + [PADDING] * 3])
    torch.testing.assert_close(model(padded, None, docs), alone, atol=1e-6, rtol=0)


def test_new_heads_have_the_spread_of_the_paper_and_do_not_depend_on_each_other():
    weight = torch.cat([judge(3).score.weight])
    assert weight.std().item() == pytest.approx(1 / np.sqrt(33), rel=0.2)
    assert torch.equal(judge(1).score.weight[0], weight[0])


@pytest.mark.parametrize("how", [{}, {"tied": True}, {"kind": "lstm"}])
def test_a_directory_holds_the_model_bit_for_bit(tmp_path, how):
    model = written(tmp_path / "judge", **how)
    found, _ = load_reward_model(tmp_path / "judge")
    for name, value in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    subprocess.run(["truncate", "-s", "100", tmp_path / "judge" / "model.safetensors"], check=True)
    with pytest.raises(UserError, match="no whole safetensors file"):
        load_reward_model(tmp_path / "judge")


def test_another_directory_is_no_reward_model(tmp_path):
    with pytest.raises(UserError, match=r"no run|no such|not") as caught:
        open_reward(str(tmp_path / "nothing"), tmp_path)
    assert caught.value.code in (Exit.INPUT, Exit.USAGE)
    with pytest.raises(UserError, match="holds no reward model"):
        load_reward_model(tmp_path)


def test_a_scorer_gives_numbers_and_probabilities(tmp_path):
    written(tmp_path / "judge")
    scorer = open_reward(str(tmp_path / "judge"), tmp_path, template="chatml")
    prompts = ["one two", [{"role": "user", "content": "one two"}], "three"]
    first, same, other = scorer.score(prompts, ["three", "three", "four"])
    assert first == pytest.approx(same, abs=1e-6)
    assert first != other
    a, b = scorer.heads(["one", "one"], ["two", "three"])
    assert scorer.probability("one", "two", "three") == pytest.approx(torch.sigmoid(a - b).mean().item())
    assert scorer.probability("one", "two", "three") + scorer.probability("one", "three", "two") == pytest.approx(1)
    with pytest.raises(UserError, match="has 97 tokens; the reward model reads 1 to 96"):
        scorer.score_ids([[5] * 97])


def test_conversations_are_written_as_it_was_trained(tmp_path):
    """Whatever the tokenizer's own template is, and the policy's."""
    spoken = speaking_models.speaker()
    mine = load_template("plain").model_copy(update={"name": "mine", "input": "/"})
    foreign = Foreign(load_template("chatml").jinja().replace("<|im_start|>", "<|im_end|>"), "theirs")
    scores = {}
    for name, form in {"oasst": load_template("oasst"), "mine": mine, "theirs": foreign}.items():
        model = judge()
        (tmp_path / name).mkdir()
        config, tokenizer = spoken.config.replace(tied=True), record(spoken.tokenizer, form)
        RewardForm(config, tokenizer, 1).save(dict(model.state_dict()), tmp_path / name)
        scorer = open_reward(str(tmp_path / name), tmp_path)
        wanted = Scorer(model, spoken.tokenizer, form, 96)
        assert is_same(scorer.form, form)
        scores[name] = scorer.score(["one two"], ["three"])
        assert scores[name] == wanted.score(["one two"], ["three"])
        with pytest.raises(UserError, match="was trained with another chat template"):
            open_reward(str(tmp_path / name), tmp_path, template="chatml")
    assert len({tuple(each) for each in scores.values()}) == 3
    digests = {open_reward(str(tmp_path / name), tmp_path).digest for name in scores}
    assert len(digests) == 3  # of the same weights
    assert open_reward(str(tmp_path / "oasst"), tmp_path, template="oasst").score(["one two"], ["three"])


def test_a_directory_that_does_not_say_its_template(tmp_path):
    written(tmp_path / "judge", heads=1)
    (tmp_path / "judge" / "chat_template.jinja").unlink(missing_ok=True)
    settings = json.loads((tmp_path / "judge" / "tokenizer_config.json").read_text())
    settings.pop("winnow_template", None)
    (tmp_path / "judge" / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="does not say its chat template"):
        open_reward(str(tmp_path / "judge"), tmp_path)
    assert open_reward(str(tmp_path / "judge"), tmp_path, template="oasst").score(["one"], ["two"])


def test_a_policy_with_another_tokenizer_is_refused():
    spoken = speaking_models.speaker()
    scorer = Scorer(judge(), spoken.tokenizer, load_template("chatml"), 96, name="judge")
    scorer.check_tokenizer(spoken.tokenizer)
    with pytest.raises(UserError, match="the reward model judge has another tokenizer than the policy"):
        scorer.check_tokenizer(train(["abc"] * 9, 300))


@pytest.mark.oracle
def test_transformers_opens_it_and_scores_alike(tmp_path):
    transformers = pytest.importorskip("transformers")
    model = written(tmp_path / "judge")
    peer = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "judge").eval()
    assert type(peer).__name__ == "LlamaForSequenceClassification"
    peer.config.pad_token_id = 0
    tokens = torch.tensor([[5, 2, 7, 8, 9, 11]])
    theirs = peer(tokens, use_cache=False).logits + model.bias
    ours = model(tokens, None, torch.zeros_like(tokens))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    peer.save_pretrained(tmp_path / "back")
    back, _ = load_reward_model(tmp_path / "back")
    assert torch.equal(back.score.weight, model.score.weight)
