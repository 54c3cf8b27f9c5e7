"""The loss of pairs against hand-made values, golden ones and TRL's trainer."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from train.preferences.rows import Comparisons, Responses, Sequenced, collate
from train.preferences.types import Pair
from train.reward.model import last_tokens
from train.reward.objective import PairwiseReward, pair_losses, preferred

torch.set_num_threads(1)


class Told(nn.Module):
    """Scores each document by its last id, in every head."""

    def __init__(self, scores: dict[int, list[float]]) -> None:
        super().__init__()
        self.scores = scores
        self.moved = nn.Parameter(torch.zeros(()))

    def forward(self, tokens, positions, docs):
        return torch.tensor([self.scores[each] for each in tokens[last_tokens(docs)].tolist()]) + self.moved


def one_prompt(pairs, k):
    """Responses whose last ids are 10, 11, ...; padding and a last id may be the same."""
    ids = [Sequenced([1, 2, *([5] * number), 10 + number], 2) for number in range(k)]
    return Responses(["p"], [ids], [pairs])


def test_the_golden_loss_of_four_ranked_responses():
    scores = [1.0, 0.5, 0.2, -0.3]
    first, second = torch.triu_indices(4, 4, 1)
    given = torch.tensor(scores, dtype=torch.float64)
    assert pair_losses(given[first], given[second]).mean().item() == pytest.approx(0.4142864942550659, rel=1e-7)
    pairs = [Pair(first, second) for first in range(4) for second in range(first + 1, 4)]
    model = Told({10 + number: [score] for number, score in enumerate(scores)})
    sums = PairwiseReward()(model, collate(one_prompt(pairs, 4), np.array([0]), 8))
    assert sums.weight == 1
    assert sums.loss.item() == pytest.approx(0.4142864942550659, rel=1e-6)
    assert {name: float(value) / weight for name, (value, weight) in sums.metrics.items()} == pytest.approx(
        {"accuracy": 1.0, "probability": 0.66419, "gap": 0.7, "score": 0.35}, abs=1e-4
    )


def test_a_dropped_tie_divides_by_the_pairs_that_are_kept():
    kept = [Pair(0, 1), Pair(0, 2)]
    model = Told({10: [1.0], 11: [0.5], 12: [0.5]})
    sums = PairwiseReward()(model, collate(one_prompt(kept, 3), np.array([0]), 8))
    assert sums.loss.item() == pytest.approx(math.log(1 + math.exp(-0.5)))


def test_a_soft_pair_is_the_cross_entropy_to_its_probability():
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    found = pair_losses(torch.tensor(3.0), torch.tensor(1.0), 0.7)
    assert found.item() == pytest.approx(0.7 * right + 0.3 * wrong)
    gap = torch.tensor(0.0, requires_grad=True)
    pair_losses(gap + math.log(0.7 / 0.3), torch.tensor(0.0), 0.7).backward()
    assert gap.grad.item() == pytest.approx(0, abs=1e-6)  # the probability itself is where it is least


def test_margin_and_centering():
    pairs = [Pair(0, 1, 1.0, 2.0)]
    batch = collate(one_prompt(pairs, 2), np.array([0]), 8)
    model = Told({10: [1.0], 11: [0.5]})
    found = PairwiseReward(margin=0.5, centering=0.1)(model, batch)
    assert found.loss.item() == pytest.approx(math.log(1 + math.exp(0.5)) + 0.1 * 1.5**2)


def test_heads_are_averaged_and_their_spread_told():
    batch = collate(one_prompt([Pair(0, 1)], 2), np.array([0]), 8)
    found = PairwiseReward()(Told({10: [1.0, -1.0], 11: [0.0, 0.0]}), batch)
    assert found.loss.item() == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 2)
    assert found.metrics["accuracy"][0].item() == 0.5  # the mean scores are equal
    assert found.metrics["spread"][0].item() == pytest.approx(math.sqrt(2))


def test_the_bradley_terry_probability():
    assert preferred(torch.tensor(1.0), torch.tensor(1.0)).item() == 0.5
    assert preferred(torch.tensor(math.log(3)), torch.tensor(0.0)).item() == pytest.approx(0.75)


@pytest.mark.parametrize(("world", "micro"), [(1, 1), (2, 20), (4, 1)])
def test_a_step_divides_by_its_prompts_whatever_the_micro_batches(world, micro):
    draw = random.Random(0)
    counts = [2, 4, 3, 2, 5, 2, 3, 2]
    responses = [[Sequenced([1, 2, draw.randrange(10, 40)], 2) for _ in range(count)] for count in counts]
    pairs = [[Pair(a, b) for a in range(count) for b in range(a + 1, count)] for count in counts]
    made = Responses([str(n) for n in range(8)], responses, pairs)
    model = Told({number: [math.sin(number)] for number in range(10, 40)})

    def loss(world, micro):
        source = Comparisons(made, np.arange(8), prompts=8, micro_tokens=micro, width=9, seed=0)
        found = [PairwiseReward()(model, batch) for rank in range(world) for batch in source.batches(0, rank, world)]
        return sum(each.loss.item() for each in found) / sum(each.weight for each in found)

    each = []
    for number in range(8):
        batch = collate(made, np.array([number]), 9)
        each.append(PairwiseReward()(model, batch).loss.item())
    assert loss(world, micro) == pytest.approx(loss(1, 10**6), rel=1e-6)
    assert loss(world, micro) == pytest.approx(np.mean(each), rel=1e-6)


@pytest.mark.oracle
def test_the_loss_is_that_of_trl(tmp_path):
    transformers, trl = pytest.importorskip("transformers"), pytest.importorskip("trl")
    datasets, tokenizers = pytest.importorskip("datasets"), pytest.importorskip("tokenizers")
    from train.reward.model import load_reward_model

    words = ["<pad>", "<s>", "</s>", "<unk>", *(f"w{number}" for number in range(60))]
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=plain, **named)
    random.seed(0)

    def sentence(count):
        return " ".join(f"w{random.randrange(60)}" for _ in range(count))

    rows = []
    for _ in range(4):
        prompt = sentence(5) + " "
        chosen = sentence(random.randrange(3, 8))
        rows.append({"prompt": prompt, "chosen": chosen, "rejected": sentence(random.randrange(3, 8))})
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.2,
        num_labels=1,
    )
    torch.manual_seed(2)
    peer = transformers.LlamaForSequenceClassification(config).eval()
    pairs = [{side: row["prompt"] + row[side] for side in ("chosen", "rejected")} for row in rows]
    settings = trl.RewardConfig(
        output_dir=str(tmp_path / "trl"),
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=4,
        center_rewards_coefficient=0.01,
        report_to=[],
    )
    trainer = trl.RewardTrainer(
        peer, args=settings, processing_class=tokenizer, train_dataset=datasets.Dataset.from_list(pairs)
    )
    trainer.model.eval()
    theirs = trainer.compute_loss(trainer.model, dict(next(iter(trainer.get_train_dataloader())))).item()

    trainer.model.save_pretrained(tmp_path / "peer")
    ours, _ = load_reward_model(tmp_path / "peer")
    ids = [
        [Sequenced([*tokenizer(pair[side])["input_ids"], 2], 5) for side in ("chosen", "rejected")] for pair in pairs
    ]
    made = Responses([str(n) for n in range(4)], ids, [[Pair(0, 1)]] * 4)
    sums = PairwiseReward(centering=0.01)(ours, collate(made, np.arange(4), 128))
    assert sums.loss.item() / sums.weight == pytest.approx(theirs, rel=1e-5)
    assert theirs == pytest.approx(0.7704539895057678, rel=1e-5)
