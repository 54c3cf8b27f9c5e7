"""The one loop of every stage: rows, gradients, guard, step, and what is written down about it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from train import checkpoint
from train.checkpoint import Form, State, WholeModel
from train.distributed import Parallel, World
from train.evaluate import Evaluation, evaluate
from train.guard import Guard, Policy
from train.interruption import noted, raise_for
from train.optim import Optimizers, OptimSettings, clip, described, gradient_norm, lr_at, placed, whole
from train.peak import flops_per_token
from train.records import Records
from train.schedule import share_at
from train.step import Gathered, Term, gradients, plan, step_seed
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.recipes import Section

Sampler = Callable[[nn.Module, int], Iterable[Mapping[str, Any]]]
"""Writes texts with the model after so many steps: rows of the table `samples` (prompt, text and what a stage adds)."""


class LoopSettings(Section):
    """How long a stage trains, in which precision, and how often it saves and measures (in steps, 0 for only at the
    end; both also happen at the end).

    keep: newest checkpoints kept beside the best. guard: what happens when a loss or gradient is no number; more than
    `guard_limit` such steps of 100 end the training.
    """

    steps: int = Field(ge=1)
    seed: int = 0
    optim: OptimSettings = OptimSettings()
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    checkpointing: bool = False
    guard: Policy = "raise"
    guard_limit: int = Field(default=10, ge=0)
    save_every: int = Field(default=0, ge=0)
    keep: int = Field(default=2, ge=1)
    evaluate_every: int = Field(default=0, ge=0)
    sample_every: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Outcome:
    """How far a training came. checkpoint: the last one. ended: at its `steps`, at `until`, or as the data ended.
    measured: the last evaluation, one row a part."""

    step: int
    tokens: int
    checkpoint: Path
    ended: Literal["steps", "until", "data"]
    measured: Sequence[Mapping[str, Any]]


class Trainer:
    """Trains a model in place on one or more terms whose gradients go into the same step.

    out: the run's directory; `metrics/`, `samples/`, `checkpoints/` and `hardware.json` are written there by the
    first process. identity: digests of what must be the same when a run goes on (recipe, data, tokenizer).
    """

    def __init__(
        self,
        model: nn.Module,
        terms: Sequence[Term],
        settings: LoopSettings,
        out: Path,
        *,
        world: World | None = None,
        form: Form | None = None,
        evaluation: Evaluation | None = None,
        sampler: Sampler | None = None,
        identity: Mapping[str, str] | None = None,
        emit: Listener | None = None,
    ) -> None:
        self.terms = [term for term in terms if term.coefficient]
        if not self.terms:
            raise ValueError("nothing to train on: every coefficient is 0")
        if len(terms) > 1 and len({term.name for term in terms if term.name}) < len(terms):
            raise ValueError("several terms need names of their own")
        self.settings = settings
        self.out = out
        self.world = world or World()
        self.step = 0
        self.tokens = 0
        self._form = form or WholeModel()
        self._evaluation = evaluation
        self._sampler = sampler
        self._identity = dict(identity or {})
        self._flops = flops_per_token(model)
        if settings.checkpointing:
            if not hasattr(model, "checkpointing"):
                raise UserError("this model has no gradient checkpointing", hint="set checkpointing to false")
            model.checkpointing = True  # type: ignore[assignment]
        self.parallel = Parallel(model, self.world)
        if settings.compile:
            model.compile()
        self.optimizers = Optimizers(model, settings.optim)
        self._guard = Guard(settings.guard, settings.guard_limit)
        self._records = Records(out, self.world, emit)
        self._measured: tuple[int, list[dict[str, Any]]] = (-1, [])
        self._sampled = -1
        self._saved: Path | None = None
        self._has_begun = False

    @property
    def model(self) -> nn.Module:
        """The model that is trained."""
        return self.parallel.model

    def train(self, until: int | None = None) -> Outcome:
        """Go on from the run's last checkpoint, or begin, and train to the end or to step `until`.

        Raises UserError: exit 1 when the guard ends it, 4 for damaged checkpoints and other recipes' runs, 7 when the
        disk is full. SIGTERM and Ctrl-C let the step end, save, and are raised as the console expects.
        """
        if not self._has_begun:
            self._begin()
            self._has_begun = True
        last = min(self.settings.steps, until or self.settings.steps)
        ended: Literal["steps", "until", "data"] = "steps" if last == self.settings.steps else "until"
        self.model.train()
        with noted() as interruption:
            while self.step < last or not self._due(end=True):
                began = time.perf_counter()
                torch.manual_seed(step_seed(self.settings.seed, self.step, self.world.rank))
                known = self._guard.skipped.get(self.step)
                if known is not None:  # its rows brought no numbers before the last checkpoint was taken up again
                    self._advance(Gathered(float(known[0]), 0.0, 0, 0.0), float(known[1]), began, skipped=True)
                else:
                    rows = plan(self.terms, self.step, self.parallel, interruption.signal)
                    if rows.signal:
                        self._save()
                        raise_for(rows.signal)
                    if rows.is_empty:
                        ended, last = "data", self.step
                        self._records.tell("info", f"the data ended after step {self.step} of {self.settings.steps}")
                        continue
                    found = gradients(self.terms, self.step, rows, self.parallel, self.settings.precision)
                    self._update(found, began)
                if self.step < last:
                    self._due(end=False)
            if signal := max(self.world.gather(interruption.signal)):  # it came in the last step; all is saved
                raise_for(signal)
        assert self._saved is not None
        return Outcome(self.step, self.tokens, self._saved, ended, self._measured[1])

    def _update(self, found: Gathered, began: float) -> None:
        """Guard and optimizer step."""
        norm = gradient_norm(self.optimizers.parameters)
        size = float(norm)
        good = math.isfinite(found.loss) and math.isfinite(size)
        act = self._guard.decide(self.step, found.loss, size, good or self.parallel.finite(), self._saved is not None)
        if not good:
            what = "not taken" if act == "skip" else "going back to the last checkpoint"
            self._records.tell("warning", f"step {self.step + 1}: loss {found.loss}, gradient norm {size}; {what}")
        if act == "step":
            clip(self.optimizers.parameters, norm, self.settings.optim.clip)
            self.optimizers.step(share_at(self.step, self.settings.steps, self.settings.optim.schedule))
        self.optimizers.zero()
        if act == "rollback":
            self._go_back()
        else:
            self._advance(found, size, began, skipped=act == "skip")

    def _advance(self, found: Gathered, norm: float, began: float, *, skipped: bool) -> None:
        """Count the step and write its row."""
        self.step += 1
        self.tokens += found.tokens
        row = found.metrics | {
            "step": self.step,
            "loss": found.loss,
            "lr": lr_at(self.step - 1, self.settings.steps, self.settings.optim),
            "grad_norm": norm,
            "weight": found.weight,
            "tokens": float(found.tokens),
            "seconds": time.perf_counter() - began,
            "wait_s": found.wait_s,
            "skipped": skipped,
        }
        self._records.step(row, found.tokens * self._flops, self.settings.steps)

    def _due(self, *, end: bool) -> bool:
        """Evaluation, samples and checkpoint, in this order, so that a checkpoint knows what was measured of it; false
        when there was nothing sound to save and the training went back."""
        saving = end or _is_due(self.step, self.settings.save_every)
        if self._evaluation and (saving or _is_due(self.step, self.settings.evaluate_every)):
            self._evaluate(self._evaluation)
        if self._sampler and self._sampled != self.step and (end or _is_due(self.step, self.settings.sample_every)):
            self.model.eval()
            self._records.samples(self.step, self.parallel.inside(self._sampler, self.step))
            self.model.train()
            self._sampled = self.step
        return self._save() if saving else True

    def _evaluate(self, evaluation: Evaluation) -> None:
        if self._measured[0] != self.step:
            self._measured = (self.step, evaluate(self.parallel, evaluation, self.settings.precision))
            self._records.evaluation(*self._measured)

    def _save(self) -> bool:
        """Write a checkpoint of this moment; weights that are no numbers are never written, the guard decides."""
        if not self.parallel.finite():
            self._guard.decide(self.step - 1, math.nan, math.nan, False, self._saved is not None)
            self._records.tell("warning", f"the weights after step {self.step} are no numbers; going back")
            self._go_back()
            return False
        path = self.out / "checkpoints" / f"step-{self.step:08d}"
        weights = self.model.state_dict()
        names = self._form.names(self.model)
        kept = self._gathered((name, whole(weights[name])) for name in names)
        optimizer = self._gathered(self.optimizers.state())
        self.world.once(lambda: self._write(path, kept, optimizer))
        self._saved = path
        return True

    def _gathered(self, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
        """Tensors that every rank makes and only the first one keeps."""
        return {name: value for name, value in tensors if self.world.first}

    def _write(self, path: Path, weights: dict[str, Tensor], optimizer: dict[str, Tensor]) -> None:
        self._records.flush()
        value = None
        if self._measured[0] == self.step:
            row = self._measured[1][-1]
            value = row["loss"] if row["bits_per_byte"] is None else row["bits_per_byte"]
        state = State(
            step=self.step,
            tokens=self.tokens,
            identity=self._identity,
            skipped=self._guard.skipped,
            value=value if value is not None and math.isfinite(value) else None,
        )
        settings = described(self.settings.optim, self.optimizers.names)
        checkpoint.save(path, self._form, weights, optimizer, settings, state)
        checkpoint.prune(self.out, self.settings.keep)

    def _begin(self) -> None:
        """Take up the last checkpoint, or begin."""
        self._records.probe(self.settings.precision)
        newest = self.world.once(lambda: str(checkpoint.latest(self.out) or ""))
        self._saved = Path(newest) if newest else None
        if self._saved is not None:
            self._load(self._saved)
            self._records.tell("info", f"goes on from step {self.step} ({self._saved.name})")
        measured, sampled = self._records.rewind(self.step if self._saved else -1)
        self._measured = (self.step if measured else -1, measured)
        self._sampled = self.step if sampled else -1
        if self._saved is None:
            if self._evaluation:
                self._evaluate(self._evaluation)
            if self.settings.guard == "rollback":
                self._save()

    def _go_back(self) -> None:
        """Return to the last checkpoint, and remember which steps are passed over."""
        assert self._saved is not None
        skipped = self._guard.skipped
        self._load(self._saved)
        self._guard.skipped = skipped
        self._records.rewind(self.step)
        self._measured, self._sampled = (-1, []), -1

    def _load(self, path: Path) -> None:
        """Weights, optimizer and counts of a checkpoint."""
        self.world.once(lambda: checkpoint.verify(path))
        state = checkpoint.read_state(path)
        if names := checkpoint.changed(state.identity, self._identity):
            hint = "choose another --out, or use what it was trained with"
            raise UserError(f"{path} was made with another {' and '.join(names)}", hint=hint, code=Exit.INPUT)
        weights = self.model.state_dict()
        found = self._form.load(path)
        names = self._form.names(self.model)
        for name in names:
            if name not in found or found[name].shape != weights[name].shape:
                raise UserError(f"{path} holds another model: {name} does not fit", hint="check --out", code=Exit.INPUT)
        with torch.no_grad():
            for name in names:
                weights[name].copy_(placed(found[name], weights[name]))
        self.optimizers.load(checkpoint.read_optimizer(path))
        self.step, self.tokens = state.step, state.tokens
        self._guard.skipped = dict(state.skipped)


def _is_due(step: int, every: int) -> bool:
    return bool(every) and step % every == 0
