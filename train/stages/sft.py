"""`train sft`: supervised fine-tuning on conversations."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash

from train.data.chat import record
from train.data.packing import Ints, plan
from train.data.rows import read_once
from train.data.sft import Conversations, Examples, Loaded, data_files, load
from train.evaluate import Evaluation, HeldOut
from train.losses import LanguageModel
from train.stages.adapted import Base
from train.stages.run import Stage, Where
from train.stages.settings import Sft
from train.step import Term
from train.tokenizer.tokenizer import Tokenizer
from workbench.console import Screen
from workbench.errors import UserError
from workbench.files import sha256
from workbench.manifest import Input


def sft(recipe: Sft, where: Where, screen: Screen, *, base: Path) -> Stage:
    """The rows of a recipe's sets (paths relative to `base`) and the checkpoint that learns them."""
    if not recipe.data.sets or not recipe.data.sets[0].path:
        raise UserError("no data are named", hint="name a file of conversations with --data")
    start = Base(recipe.checkpoint, where.root)
    tokenizer = start.tokenizer
    width = start.width(recipe.context)
    data = read(recipe, tokenizer, width, base=base)
    loaded, source = data.loaded, data.source
    written = record(tokenizer, loaded.format)
    _tell(loaded, screen)
    if source.steps * source.rows > 1.1 * data.once * recipe.epochs:
        made = source.steps * source.rows / data.once
        screen.warn(
            f"{recipe.epochs:g} epochs were asked for: whole steps of {source.rows} rows make {made:.2f} (rows.tokens)"
        )
    objective = LanguageModel()
    held = [
        HeldOut(name, 0, partial(read_once, loaded.sets[name], numbers, width=width, micro=recipe.rows.micro))
        for name, (_, numbers) in data.kept.items()
        if len(numbers)
    ]
    return Stage(
        kind="train.sft",
        recipe=recipe,
        sources={"data": loaded.digest(), "tokenizer": tokenizer.digest, **start.sources},
        parents=start.parents,
        model=lambda: start.model(recipe),
        config=start.config,
        tokenizer=written,
        terms=[Term(objective, source)],
        steps=source.steps,
        evaluation=Evaluation(objective, held) if held else None,
        form=start.form(recipe, written),
        notes={
            "data": {name: f"{report.rows:,} rows" for name, report in loaded.reports.items()},
            "folder": str(base.resolve()),
        },
        inputs=[
            Input(path=str(path), bytes=path.stat().st_size, digest=sha256(path))
            for path in data_files(recipe.data, base)
        ],
        seen=source.seen,
    )


class Read(NamedTuple):
    """What a recipe's sets hold. kept: by set, the numbers of the conversations that are learned, and of those that are
    held out. once: rows in which all that is learned stands once. source: what the stage reads."""

    loaded: Loaded
    kept: dict[str, tuple[Ints, Ints]]
    once: float
    source: Conversations


def read(recipe: Sft, tokenizer: Tokenizer, width: int, *, base: Path) -> Read:
    """The sets of a recipe in rows of `width` tokens; paths are relative to `base`. UserError as `load`."""
    loaded = load(recipe.data, tokenizer, width, base=base, seed=recipe.seed)
    kept = {name: _split(name, each, recipe) for name, each in loaded.sets.items()}
    once = sum(
        plan(loaded.sets[name].lengths[learned], width, whole=True).rows * loaded.rates[name]
        for name, (learned, _) in kept.items()
    )
    # A step is no longer than all that is to be read: few conversations would be read far more often than asked.
    rows = max(1, min(round(recipe.rows.tokens / width), round(once * recipe.epochs)))
    source = Conversations(
        loaded.sets,
        rows=rows,
        micro=recipe.rows.micro,
        width=width,
        seed=recipe.seed,
        epochs=recipe.epochs,
        weights=loaded.weights,
        rates=loaded.rates,
        documents={name: learned for name, (learned, _) in kept.items()},
    )
    return Read(loaded, kept, once, source)


def _tell(loaded: Loaded, screen: Screen) -> None:
    for name, report in loaded.reports.items():
        for counter, what in ((report.dropped, "left out"), (report.shortened, "shortened")):
            for reason, count in sorted(counter.items()):
                named = ", ".join(report.named.get(reason, []))
                screen.warn(f"set '{name}': {count:,} rows {what} ({reason}), such as {named}")


def _split(name: str, examples: Examples, recipe: Sft) -> tuple[Ints, Ints]:
    """The numbers of the conversations that are learned, and of those that are held out; the first is learned."""
    bound = int(recipe.held_out * 2.0**64)
    keys = [b"held_out:" + examples.key(doc) for doc in range(len(examples))]
    held = np.array([xxhash.xxh3_64_intdigest(key, recipe.seed) < bound for key in keys], np.bool_)
    if held.all():
        held[0] = False
    numbers = np.arange(len(examples), dtype=np.int64)
    return numbers[~held], numbers[held]
