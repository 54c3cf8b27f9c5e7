"""Scores of responses by a trained reward model, for people, reports and reinforcement learning.

scorer = open_reward("runs/reward", root)
scorer.score(["What is two and two?"], ["Four."])             # [0.83]
scorer.probability("What is two and two?", "Four.", "Fish.")  # P(a > b)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from train.data.batch import PADDING
from train.data.chat import Format, choose, is_same, record, recorded
from train.data.packing import plan
from train.data.pieces import Message
from train.model.build import weights_digest
from train.open import _device as open_device
from train.preferences.load import sequences
from train.reward.model import BIAS, RewardModel, is_reward_model, load_reward_model
from train.reward.objective import preferred
from train.tokenizer.tokenizer import Tokenizer
from workbench import registry
from workbench.errors import Exit, UserError

MODEL = "model"
"""The directory of a reward run that holds the finished model."""
_MICRO_TOKENS = 16_384


class Scorer:
    """A reward model with its tokenizer and its chat template, ready to judge; `name` is what it was opened by. digest:
    of all that its scores hang on."""

    def __init__(
        self, model: RewardModel, tokenizer: Tokenizer, form: Format, context: int, *, name: str = "", digest: str = ""
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer, self.form, self.context = tokenizer, form, context
        self.name, self.digest = name, digest

    def score(self, prompts: Sequence[str | Sequence[Message]], responses: Sequence[str]) -> list[float]:
        """The score of each response to the prompt at its place (a text is what a user says); of an ensemble the mean.

        Raises UserError for a prompt and response that are longer than the model's context.
        """
        return self.heads(prompts, responses).mean(-1).tolist()

    def heads(self, prompts: Sequence[str | Sequence[Message]], responses: Sequence[str]) -> Tensor:
        """fp32 scores [responses, heads]."""
        if len(prompts) != len(responses):
            raise ValueError(f"{len(prompts)} prompts and {len(responses)} responses")
        return self.score_ids(self.ids(prompts, responses))

    def ids(self, prompts: Sequence[str | Sequence[Message]], responses: Sequence[str]) -> list[Sequence[int]]:
        """The ids of each response behind its prompt, up to the token that ends it, however long."""
        found: list[Sequence[int]] = []
        for prompt, response in zip(prompts, responses, strict=True):
            messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            found.append(sequences(messages, [response], self.tokenizer, self.form)[0].ids)
        return found

    def score_ids(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """fp32 scores [sequences, heads] of prompts with their responses as ids, each scored at its last one."""
        for number, one in enumerate(ids):
            if not 0 < len(one) <= self.context:
                message = f"sequence {number} has {len(one):,} tokens; the reward model reads 1 to {self.context:,}"
                raise UserError(message, hint="shorten prompts or responses", code=Exit.INPUT)
        return score_ids(self.model, ids, self.context)

    def probability(self, prompt: str | Sequence[Message], a: str, b: str) -> float:
        """P(a > b): how probable it is that a rater finds `a` the better response; of an ensemble the heads' mean."""
        first, second = self.heads([prompt, prompt], [a, b])
        return float(preferred(first, second).mean())

    def check_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Raises UserError where a policy has another tokenizer: its ids would mean other texts here."""
        check_tokenizer(self.tokenizer, tokenizer, self.name)


def check_tokenizer(own: Tokenizer, policys: Tokenizer, name: str = "") -> None:
    """Raises UserError where a reward model and a policy have different tokenizers."""
    if own.digest != policys.digest:
        message = f"the reward model {name} has another tokenizer than the policy".replace("  ", " ")
        hint = "train one from the policy's own checkpoint (train reward --from POLICY)"
        raise UserError(message, hint=hint, code=Exit.INPUT)


def open_reward(name: str, root: Path, *, device: str = "cpu", template: str | None = None) -> Scorer:
    """A finished `train reward` run, or a directory with a reward model (transformers' too), with its tokenizer.

    Conversations are written as those that it was trained with, which its files say. template: how, for a directory of
    others whose files do not. Raises UserError (exit 4) where there is no model or no template, where it is damaged, or
    where `template` is another than the one it was trained with.
    """
    directory = reward_directory(name, root)
    model, config = load_reward_model(directory, device=open_device(device))
    tokenizer = Tokenizer.open(directory)
    if tokenizer.size > config.vocab_size:
        message = f"{directory}: the tokenizer has {tokenizer.size:,} tokens, the model knows {config.vocab_size:,}"
        raise UserError(message, hint="take the tokenizer that it was trained with", code=Exit.INPUT)
    form = _form(directory, tokenizer, template)
    written = record(tokenizer, form)
    named = json.dumps([weights_digest(directory), tokenizer.digest, written.template, written.jinja])
    digest = hashlib.blake2b(named.encode(), digest_size=16).hexdigest()
    return Scorer(model, tokenizer, form, config.max_positions, name=name, digest=digest)


def _form(directory: Path, tokenizer: Tokenizer, template: str | None) -> Format:
    own = recorded(tokenizer)
    if template is None:
        if own is None:
            hint = "name the one that it was trained with (template:)"
            raise UserError(f"{directory} does not say its chat template", hint=hint, code=Exit.INPUT)
        return own
    given = choose(tokenizer, template)
    if own is not None and (directory / BIAS).is_file() and not is_same(own, given):
        hint = "leave the template out: it scores as it was trained, whatever the policy's template is"
        raise UserError(f"{directory} was trained with another chat template", hint=hint, code=Exit.INPUT)
    return given


def reward_directory(name: str, root: Path) -> Path:
    """The directory with the weights that `name` means: itself, or the finished model of a run."""
    path = Path(name)
    if is_reward_model(path):
        return path
    run = registry.find(name, root)
    if not is_reward_model(run / MODEL):
        hint = "let `train reward` finish, or name its run or the directory of its model"
        raise UserError(f"{run} holds no finished reward model", hint=hint, code=Exit.INPUT)
    return run / MODEL


@torch.no_grad()
def score_ids(
    model: RewardModel, ids: Sequence[Sequence[int]], context: int, *, micro_tokens: int = _MICRO_TOKENS
) -> Tensor:
    """fp32 scores [sequences, heads] on the CPU; sequences are packed into rows by length, and change no other's."""
    device = model.score.weight.device
    found = torch.zeros(len(ids), len(model.score.weight))
    lengths = np.array([len(one) for one in ids], np.int64)
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and lengths[order[begin : end + 1]].sum() <= micro_tokens:
            end += 1
        some = order[begin:end]
        begin = end
        planned = plan(lengths[some], context, whole=True)
        shape = (planned.rows, int(planned.tokens().max()))
        tokens, positions = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.int64)
        docs = torch.full(shape, PADDING)
        places = []
        for row in range(planned.rows):
            at = 0
            for document, place in enumerate(planned.doc[planned.first[row] : planned.first[row + 1]].tolist()):
                one = torch.as_tensor(ids[int(some[place])], dtype=torch.int64)
                part = slice(at, at + len(one))
                tokens[row, part], positions[row, part], docs[row, part] = one, torch.arange(len(one)), document
                at = part.stop
                places.append(int(some[place]))
        found[places] = model(tokens.to(device), positions.to(device), docs.to(device)).float().cpu()
    return found
