"""The plan of a mix: budgets, epochs and the documents themselves, exactly as they would be written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from curate.mix import sample
from curate.mix.groups import Documents
from curate.mix.methods import JOINT, Phase, wanted_tokens
from curate.mix.recipe import Key, Mixture
from curate.mix.weights import SLACK
from workbench.errors import UserError


@dataclass
class Plan:
    """All phases in order over the same documents."""

    documents: Documents
    phases: list[Phase]

    @property
    def accounts(self) -> pl.DataFrame:
        """The groups of all phases, key columns as far as the phases share them."""
        return pl.concat([phase.groups for phase in self.phases], how="diagonal")

    @property
    def most_copies(self) -> int:
        """How often the most repeated document is read, over all phases."""
        return int(np.sum([phase.copies for phase in self.phases], axis=0).max(initial=0))


def make(documents: Documents) -> Plan:
    """The plan. Raises UserError at whatever cannot be had: a group that is not there, more than max_epochs allow."""
    recipe = documents.file.recipe
    if documents.frame.is_empty():
        raise UserError("the run kept no document", hint="mix a run that has some")
    phases = [_phase(documents, name, mixture) for name, mixture in recipe.in_order().items()]
    draws = sample.hashes(documents.frame["id"], recipe.seed, "mix")
    tokens = documents.frame["tokens"].to_numpy()
    asks = [
        sample.Ask(
            phase.member,
            phase.groups["tokens_available"].cast(pl.Float64).to_numpy(),
            phase.groups["tokens_wanted"].to_numpy(),
        )
        for phase in phases
    ]
    for phase, drawn in zip(phases, sample.by_phase(asks, tokens, draws), strict=True):
        phase.copies = drawn.copies
        groups = phase.groups.with_columns(epochs_sampled=pl.Series(drawn.epochs))
        phase.groups = accounting(groups, phase.member, drawn.copies, tokens)
    return Plan(documents, phases)


def accounting(groups: pl.DataFrame, member: np.ndarray, copies: np.ndarray, tokens: np.ndarray) -> pl.DataFrame:
    """`groups` with what the sample took: documents, their copies, and the tokens of all copies, in whole numbers."""
    sums = {name: np.zeros(groups.height, np.int64) for name in ("documents_taken", "copies", "tokens_taken")}
    inside = member >= 0
    np.add.at(sums["documents_taken"], member[inside], (copies[inside] > 0).astype(np.int64))
    np.add.at(sums["copies"], member[inside], copies[inside])
    np.add.at(sums["tokens_taken"], member[inside], copies[inside] * tokens[inside])
    return groups.with_columns(**{name: pl.Series(values) for name, values in sums.items()})


def _phase(documents: Documents, name: str, mixture: Mixture) -> Phase:
    file = documents.file
    top: list[str | int] = ["phases", name] if file.recipe.phases else []
    labels = documents.keys(file.recipe.by, ["by"])
    domains = list(labels.columns)
    if mixture.curve is not None:
        quality = Key(measure=mixture.curve.measure, buckets=mixture.curve.buckets)
        bucket = documents.keys([quality], [*top, "curve"]).to_series().alias(f"{quality.measure} curve")
        labels = labels.with_columns(bucket)
    kept = documents.kept(mixture.filters, [*top, "filters"])
    if not kept.any():
        raise file.error([*top, "filters"], f"no document passes the filters of phase {name}", "widen them")
    named = labels.with_columns(group=pl.concat_str(labels.columns, separator=JOINT))
    there = (
        named.with_columns(tokens=documents.frame["tokens"], kept=kept)
        .group_by("group", *labels.columns)
        .agg(
            documents_available=pl.col("kept").sum().cast(pl.Int64),
            tokens_available=pl.col("tokens").filter(pl.col("kept")).sum().cast(pl.Int64),
        )
        .sort(labels.columns)
    )
    row = dict(zip(there["group"], range(there.height), strict=True))
    member = np.where(kept.to_numpy(), named["group"].replace_strict(row, return_dtype=pl.Int64).to_numpy(), -1)
    available = there["tokens_available"].to_numpy().astype(np.float64)
    budget = float(mixture.tokens or int(available.sum()))
    most = available * mixture.max_epochs
    if budget > most.sum() * (1 + SLACK):
        raise file.error(
            [*top, "tokens"],
            f"phase {name} asks for {budget:,.0f} tokens, but {available.sum():,.0f} are there and may be read "
            f"{mixture.max_epochs:g} times, which gives {most.sum():,.0f}",
            "lower tokens or raise max_epochs",
        )
    phase = Phase(name, mixture, list(labels.columns), there, member, budget)
    wanted = wanted_tokens(phase, domains, available, most, documents, top)
    epochs = np.divide(wanted, available, out=np.zeros_like(wanted), where=available > 0)
    phase.groups = there.select(
        pl.lit(name).alias("phase"),
        "group",
        *labels.columns,
        "documents_available",
        "tokens_available",
        weight=pl.Series(wanted / wanted.sum()),
        tokens_wanted=pl.Series(wanted),
        epochs=pl.Series(epochs),
    )
    return phase
