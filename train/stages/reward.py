"""`train reward`: a reward model from compared responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from train import checkpoint
from train.data.chat import record
from train.data.packing import Ints
from train.evaluate import Evaluation, HeldOut
from train.loop import Outcome
from train.lora import base_layer, merge
from train.model.build import CONFIG
from train.model.config import ModelConfig
from train.preferences.load import Loaded, load, sequences
from train.preferences.rows import Comparisons, Responses, read_once
from train.reward.model import (
    RewardForm,
    RewardModel,
    is_reward_model,
    load_reward_model,
    new_heads,
    read_reward_config,
)
from train.reward.objective import PairwiseReward
from train.reward.report import measure, page, repetition
from train.reward.scorer import MODEL, score_ids
from train.stages.adapted import Base, learning
from train.stages.run import Stage, Where
from train.stages.settings import Adapted, Reward
from train.step import Term
from train.tokenizer.tokenizer import Tokenizer
from workbench import registry
from workbench.console import Screen
from workbench.errors import UserError
from workbench.files import whole_directory, write_text
from workbench.tables import write_table

REFERENCES = 1000
"""So many of the best responses that were learned are to have a mean score of 0."""
PROBES = 200
"""So many held-out responses are scored said twice."""


class GoingOn(Base):
    """A finished reward model, which learns on with its trunk and its heads."""

    read = staticmethod(read_reward_config)

    def model(self, recipe: Adapted | None = None) -> RewardModel:
        """It, in fp32; what shifts its scores is set anew after training."""
        lora = recipe.lora if recipe is not None else None
        found = load_reward_model(self.directory, linear=base_layer(lora))[0]
        found.bias.zero_()
        if recipe is not None:
            learning(found.base, recipe)
        return found


@dataclass(frozen=True)
class Work:
    """What the parts of the stage share."""

    recipe: Reward
    start: Base
    loaded: Loaded
    learned: Ints
    held: Ints
    width: int

    @property
    def config(self) -> ModelConfig:
        """Of the trunk: there is no head over the vocabulary."""
        return self.start.config.replace(tied=True)

    @property
    def tokenizer(self) -> Tokenizer:
        """Its files say how the conversations are written that the model learns to score."""
        return record(self.start.tokenizer, self.loaded.format)

    def model(self) -> RewardModel:
        """The checkpoint's trunk with new heads; a reward model with its own."""
        model = self.start.model(self.recipe)
        if isinstance(model, RewardModel):
            return model
        found = RewardModel(model, self.recipe.heads)
        new_heads(found, self.recipe.seed)
        return found

    def form(self) -> RewardForm:
        """How the model lies in checkpoints."""
        if self.recipe.lora is not None and self.recipe.only:
            raise UserError("--only and adapters exclude each other", hint="say which targets the adapters have")
        adapters = self.recipe.lora is not None
        return RewardForm(self.config, self.tokenizer, self.recipe.heads, adapters=adapters)

    def finish(self, outcome: Outcome) -> dict[str, Any]:
        """Write the finished model (`model/`: the best checkpoint, adapters merged, scores shifted so that the best
        responses it learned from have a mean of 0) and what is known of it: `held_out.parquet`, `report.html`."""
        run = outcome.checkpoint.parents[1]
        chosen = checkpoint.best(run) or outcome.checkpoint
        model = self._plain(chosen)
        table = self.loaded.table
        references = [table.ids(one).tolist() for one in _best(table, self.learned)[:REFERENCES].tolist()]
        # Ouyang et al. 2022, section 3.5: labelers' demonstrations have a mean of 0 before reinforcement learning.
        model.bias -= score_ids(model, references, self.width).mean(0).to(model.bias.device)
        with whole_directory(run / MODEL) as directory:
            form = RewardForm(self.config, self.tokenizer, self.recipe.heads)
            form.save({name: value.cpu() for name, value in model.state_dict().items()}, directory)
        found: dict[str, Any] = {
            "model": MODEL,
            "model_step": checkpoint.read_state(chosen).step,
            "bias": model.bias.tolist(),
            "references": len(references),
        }
        if len(self.held):
            found["report"] = self._report(model, run)
            write_text(run / "report.html", page(found["report"]))
        return found

    def _plain(self, path: Path) -> RewardModel:
        """The model of a checkpoint, for scoring."""
        model = self.model()
        own = model.state_dict()
        with torch.no_grad():
            for name, value in self.form().load(path).items():
                own[name].copy_(value)
        merge(model.base)
        on_gpu = self.recipe.device != "cpu" and torch.cuda.is_available()
        return model.to("cuda" if on_gpu else "cpu").eval().requires_grad_(False)

    def _report(self, model: RewardModel, run: Path) -> dict[str, Any]:
        """Scores of all held-out responses, kept as a table, and what they say about the model."""
        table, held = self.loaded.table, self.held
        numbers = np.concatenate([np.arange(*table.first[each : each + 2]) for each in held.tolist()])
        owners = np.repeat(held, np.diff(table.first)[held])
        texts = [text for each in held.tolist() for text in self.loaded.comparisons[each].responses]
        scores = score_ids(model, [table.ids(int(one)).tolist() for one in numbers], self.width).double().numpy()
        rows = np.concatenate([np.arange(*table.pair_first[each : each + 2]) for each in held.tolist()])
        pairs = np.searchsorted(numbers, table.pairs[rows])
        lengths = table.lengths[numbers] - table.prompts[numbers]
        columns: Mapping[str, Any] = {
            "prompt_id": [table.names[each] for each in owners.tolist()],
            "response": numbers - table.first[owners],
            "text": texts,
            "score": scores.mean(1),
            "heads": scores.tolist(),
            "tokens": lengths,
            "repetition": [repetition(text) for text in texts],
        }
        write_table(run / "held_out.parquet", pl.DataFrame(columns))
        best = list(dict.fromkeys(pairs[:, 0].tolist()))[:PROBES]
        doubled = []
        for place in best:
            prompt, text = self.loaded.comparisons[int(owners[place])].prompt, texts[place]
            said = sequences(prompt, [f"{text}\n{text}"], self.start.tokenizer, self.loaded.format)[0].ids
            if len(said) <= self.width:
                doubled.append((place, list(said)))
        after = score_ids(model, [ids for _, ids in doubled], self.width).double().mean(1).numpy()
        before = scores.mean(1)[[place for place, _ in doubled]]
        return {
            "held_out": measure(scores, pairs, table.probability[rows], owners, lengths, texts),
            "doubled": len(doubled),
            "doubled_wins": float((after > before).mean()) if doubled else None,
        }


def reward(recipe: Reward, where: Where, screen: Screen, *, base: Path) -> Stage:
    """The comparisons of a recipe's sets (paths relative to `base`) and the checkpoint that learns to score them."""
    if not recipe.data.sets or not recipe.data.sets[0].path:
        raise UserError("no data are named", hint="name a file of preferences with --data")
    start = _start(recipe, where.root)
    width = start.width(recipe.context)
    tokenizer = start.tokenizer
    loaded = load(recipe.data, tokenizer, width, base=base, seed=recipe.seed)
    _tell(loaded, screen)
    learned, held = (_paired(loaded, numbers) for numbers in loaded.split(recipe.held_out, recipe.seed))
    if not len(learned):
        hint = "a reward model needs prompts of which two responses were judged, one of them better"
        raise UserError("no prompt has a pair to learn from", hint=hint)
    work = Work(recipe, start, loaded, learned, held, width)
    micro_tokens = recipe.rows.micro * width
    source = Comparisons(
        loaded.table,
        learned,
        prompts=recipe.prompts_a_step or max(1, round(recipe.rows.tokens / loaded.table.tokens(learned).mean())),
        micro_tokens=micro_tokens,
        width=width,
        seed=recipe.seed,
        epochs=recipe.epochs,
        sets=loaded.sets,
    )
    parts = {name: held[np.isin(held, numbers)] for name, numbers in loaded.sets.items()}
    once = partial(read_once, loaded.table, width=width, micro_tokens=micro_tokens)
    measured = [HeldOut(name, 0, partial(once, numbers)) for name, numbers in parts.items() if len(numbers)]
    objective = PairwiseReward(recipe.margin, recipe.centering)
    parameters, added = work.config.parameters(), recipe.heads * start.config.hidden_size
    facts = loaded.facts.items()
    return Stage(
        kind="train.reward",
        unit="prompt",
        recipe=recipe,
        sources={"data": loaded.digest(), "tokenizer": tokenizer.digest, **start.sources},
        parents=start.parents,
        model=work.model,
        config=work.config,
        tokenizer=work.tokenizer,
        terms=[Term(objective, source)],
        steps=source.steps,
        evaluation=Evaluation(objective, measured) if measured else None,
        form=lambda companions: work.form(),
        notes={
            "data": {name: f"{each['prompts']:,} prompts, {each['pairs']:,} pairs" for name, each in facts},
            "parameters": parameters | {"head": added, "total": parameters["total"] + added},
            "sets": loaded.facts,
            "prompts_a_step": source.prompts,
        },
        after=work.finish,
        seen=source.seen,
    )


def _start(recipe: Reward, root: Path) -> Base:
    """A language model's checkpoint, or a reward model: a run's finished one, or a directory."""
    name = recipe.checkpoint
    if name and not (Path(name) / CONFIG).is_file() and is_reward_model(found := registry.find(name, root) / MODEL):
        name = str(found)
    if not is_reward_model(Path(name)):
        return Base(name, root)
    start = GoingOn(name, root)
    if (heads := len(start.model().score.weight)) != recipe.heads:
        raise UserError(f"the reward model has {heads} heads, not {recipe.heads}", hint=f"--set heads={heads}")
    return start


def _best(table: Responses, numbers: Ints) -> Ints:
    """Of each comparison the response that wins most of its pairs: the nearest to a demonstration that there is."""
    found = []
    for each in numbers.tolist():
        first, last = table.first[each : each + 2]
        pairs = slice(*table.pair_first[each : each + 2])
        won = np.zeros(last - first)
        np.add.at(won, table.pairs[pairs, 0] - first, table.probability[pairs])
        np.add.at(won, table.pairs[pairs, 1] - first, 1 - table.probability[pairs])
        found.append(first + int(won.argmax()))
    return np.array(found, np.int64)


def _paired(loaded: Loaded, numbers: Ints) -> Ints:
    return np.intersect1d(numbers, loaded.table.with_pairs())


def _tell(loaded: Loaded, screen: Screen) -> None:
    for name, report in loaded.reports.items():
        for counter, what in ((report.dropped, "left out"), (report.shortened, "shortened")):
            for reason, count in sorted(counter.items()):
                named = ", ".join(report.named.get(reason, []))
                screen.warn(f"set '{name}': {count:,} rows {what} ({reason}), such as {named}")
        facts = loaded.facts[name]
        without = len(loaded.sets[name]) - len(_paired(loaded, loaded.sets[name]))
        if facts["ties"]:
            screen.warn(f"set '{name}': {facts['ties']:,} pairs are ties, which teach nothing")
        if without:
            screen.warn(f"set '{name}': {without:,} prompts have no pair, so they are not used")
