"""`train pretrain`, `anneal` and `extend`: next-token prediction on plain text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from train.data.tokens import Tokens
from train.distributed import World
from train.evaluate import Evaluation, held_out
from train.loop import Outcome
from train.losses import LanguageModel
from train.model.build import build
from train.model.config import ModelConfig, Rope
from train.stages import text
from train.stages.adapted import Base
from train.stages.run import Stage, Where
from train.stages.settings import Anneal, Extend, Pretrain, Training, tokens_of
from train.step import Term
from train.tokenizer.tokenizer import Tokenizer
from train.tokenizer.write import Options as TokenizerOptions
from train.tokenizer.write import make
from workbench.console import Screen
from workbench.errors import UserError
from workbench.runs import Run

BASELINES = (2,)
"""Orders of the n-gram models that are printed beside a pretraining."""


def pretrain(recipe: Pretrain, world: World, where: Where, screen: Screen) -> Stage:
    """A new model: its tokens (and tokenizer, where none is named), its shape and its rows."""
    tokens = _tokens(recipe, world, where, screen)
    tokenizer = tokens.tokenizer()
    config = recipe.model.config(tokenizer.size, tokenizer.bos, tokenizer.eos, tokenizer.pad)
    length = tokens_of(recipe.length, config.parameters()["total"])
    stage = _stage(
        "train.pretrain", recipe, tokens, config, length, lambda: build(config, seed=recipe.seed), {}, [], screen
    )
    stage.after = lambda outcome: _beside(tokens, outcome)
    return stage


def anneal(recipe: Anneal, world: World, where: Where, screen: Screen) -> Stage:
    """A checkpoint trained on, its learning rate falling to nothing."""
    start = Base(recipe.checkpoint, where.root)
    tokens = _first_alone(world, lambda: _of(recipe.text, start.tokenizer, where, screen))
    length = tokens_of(recipe.length, start.config.parameters()["total"])
    return _stage(
        "train.anneal", recipe, tokens, start.config, length, start.model, start.sources, start.parents, screen
    )


def extend(recipe: Extend, world: World, where: Where, screen: Screen) -> Stage:
    """A checkpoint on longer rows, its positions stretched."""
    start = Base(recipe.checkpoint, where.root)
    config = longer(start.config, recipe)
    tokens = _first_alone(world, lambda: _of(recipe.text, start.tokenizer, where, screen))
    length = tokens_of(recipe.length, config.parameters()["total"])
    return _stage(
        "train.extend",
        recipe,
        tokens,
        config,
        length,
        lambda: with_config(start.model(), config),
        start.sources,
        start.parents,
        screen,
        at_least=recipe.shortest or recipe.context // 2,
    )


def longer(config: ModelConfig, recipe: Extend) -> ModelConfig:
    """The config of a model made for `context` positions; UserError where it is made for as many already."""
    before, after = config.max_positions, recipe.context
    if config.kind != "llama":
        raise UserError("an LSTM has no positions to stretch", hint="train it on longer rows with `train anneal`")
    if after <= before:
        raise UserError(f"the model is made for {before:,} positions already", hint=f"ask for more than {before:,}")
    if config.rope.kind != "default":
        raise UserError(
            f"the positions of this model are stretched already ({config.rope.kind})",
            hint="extend the model that it was made from",
        )
    if recipe.rope == "theta":
        return config.replace(max_positions=after, rope=Rope(theta=recipe.theta))
    rope = Rope(kind=recipe.rope, theta=config.rope.theta, factor=after / before, original=before)
    return config.replace(max_positions=after, rope=rope)


def with_config(model: nn.Module, config: ModelConfig) -> nn.Module:
    """The same weights under a config of the same shapes."""
    model.config = config  # type: ignore[assignment]
    return model


def _of(data: Any, tokenizer: Tokenizer | None, where: Where, screen: Screen) -> Tokens:
    return text.open_tokens(data, tokenizer, where.root, where.jobs, screen.progress)


def _first_alone(world: World, prepare: Callable[[], Tokens]) -> Tokens:
    """What the first process prepares, the others open when it is there."""
    path = world.once(lambda: str(prepare().run.path))
    return Tokens.open(path, Path())


def _tokens(recipe: Pretrain, world: World, where: Where, screen: Screen) -> Tokens:
    return _first_alone(world, lambda: _of(recipe.text, _tokenizer(recipe, where, screen), where, screen))


def _tokenizer(recipe: Pretrain, where: Where, screen: Screen) -> Tokenizer | None:
    """The tokenizer named, or one made from the text; None where the text is tokens already."""
    if recipe.tokenizer:
        return Tokenizer.find(recipe.tokenizer, where.root)
    if not recipe.text.source or text.is_prepared(recipe.text.source, where.root):
        return None
    options = TokenizerOptions(vocab_size=recipe.vocab_size, fields=recipe.text.prepare.fields)
    made = make(recipe.text.source, options, root=where.root, listener=screen.progress)
    return Tokenizer.open(made.run.path)


def _stage(
    kind: str,
    recipe: Pretrain | Anneal | Extend,
    tokens: Tokens,
    config: ModelConfig,
    length: int,
    model: Callable[[], nn.Module],
    sources: Mapping[str, str],
    parents: list[Run],
    screen: Screen,
    *,
    at_least: int = 0,
) -> Stage:
    width = config.max_positions
    rows = max(1, min(round(recipe.rows.tokens / width), round(length / width)))
    steps = math.ceil(length / (rows * width))
    if steps * rows * width > 1.05 * length:
        read = f"{steps:,} whole steps of {rows * width:,} tokens read up to {steps * rows * width:,}"
        screen.warn(f"{length:,} tokens were asked for: {read} (rows.tokens makes steps smaller)")
    source = text.mixture(
        tokens, recipe.text, rows=rows, micro=recipe.rows.micro, width=width, seed=recipe.seed, steps=steps,
        at_least=at_least,
    )  # fmt: skip
    objective = LanguageModel()
    if not len(tokens.split("held_out")):
        screen.warn("no document is held out, so nothing is measured beside the training (text.prepare.held_out)")
    held = held_out(tokens, width=width, micro=recipe.rows.micro)
    return Stage(
        kind=kind,
        recipe=recipe,
        sources={"tokens": tokens.digest, "tokenizer": tokens.tokenizer_digest, **sources},
        parents=[*parents, tokens.run],
        model=model,
        config=config,
        tokenizer=tokens.tokenizer(),
        terms=[Term(objective, source)],
        steps=steps,
        evaluation=Evaluation(objective, held) if held else None,
        samples=prompts(recipe, tokens.tokenizer()),
        notes={"data": {"tokens": tokens.run.id, "dataset": recipe.text.source}},
        seen=source.seen,
    )


def prompts(recipe: Training, tokenizer: Tokenizer) -> list[tuple[str, list[int]]]:
    """What samples begin with."""
    first = tokenizer.eos if tokenizer.bos is None else tokenizer.bos
    begin = [] if first is None else [first]
    return [(prompt, begin + tokenizer.encode(prompt)) for prompt in recipe.prompts or [""]]


def _beside(tokens: Tokens, outcome: Outcome) -> dict[str, Any]:
    return {"baselines": {str(order): bits for order, bits in text.baselines(tokens, BASELINES).items()}}
