"""What a phase wants of each of its groups, by its method; and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.mix import weights
from curate.mix.groups import NONE, Documents, bucket_names
from curate.mix.recipe import REST, Mixture
from curate.mix.regression import Answer, solve
from curate.mix.trials import read_trials
from curate.mix.weights import SLACK, Floats
from workbench.errors import did_you_mean

JOINT = "|"
# Below this R2 the trials say little about mixtures that were not tried.
_POOR_R2 = 0.5


@dataclass
class Phase:
    """One phase: its groups with what is there, asked and taken, and how often each document is read.

    groups: a row a group, see `accounting`. member: the row of `groups` of each document, -1 where a filter keeps it
    out. copies: of each document. answer: what the regression found, where it was asked.
    """

    name: str
    mixture: Mixture
    keys: list[str]
    groups: pl.DataFrame
    member: np.ndarray
    budget: float
    copies: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    answer: Answer | None = None
    notes: list[str] = field(default_factory=list)


def wanted_tokens(
    phase: Phase, domains: list[str], available: Floats, most: Floats, documents: Documents, top: list[str | int]
) -> Floats:
    """Tokens that are wanted of each group, by the phase's method. [groups]"""
    mixture = phase.mixture
    if mixture.method == "weights":
        by_hand = _by_hand(mixture, phase.groups["group"].to_list(), available, documents, [*top, "weights"])
        by_hand = np.where(_large(phase, by_hand, documents, top), by_hand, 0.0)
        wanted = phase.budget * by_hand / by_hand.sum()
        _refuse(phase, phase.groups["group"].to_list(), wanted, available, most, documents, top)
        return wanted
    if mixture.curve is not None:
        return _curved(phase, domains, available, most, documents, top)
    if mixture.regression is not None:
        return _regressed(phase, available, most, documents, top)

    def ask(there: Floats) -> Floats:
        if mixture.method == "unimax":
            return weights.unimax(there, phase.budget, mixture.max_epochs)
        tau = 1.0 if mixture.temperature is None else mixture.temperature
        return weights.capped(weights.tempered(there, tau), phase.budget, there * mixture.max_epochs)

    wanted = ask(available)
    if mixture.minimum_weight:
        wanted = ask(np.where(_large(phase, wanted, documents, top), available, 0.0))
    _refuse_short(phase, wanted, documents, top)
    return wanted


def _large(phase: Phase, shares: Floats, documents: Documents, top: list[str | int]) -> npt.NDArray[np.bool_]:
    """Which groups have at least minimum_weight of the whole; the others are left out, and a note says so."""
    asked = shares > 0
    stay: npt.NDArray[np.bool_] = asked & (shares >= phase.mixture.minimum_weight * shares.sum())
    if not stay.any():
        hint = f"{asked.sum()} groups share the tokens; lower minimum_weight"
        raise documents.file.error([*top, "minimum_weight"], "no group has this share of the tokens", hint)
    if stay.sum() < asked.sum():
        phase.notes.append(f"{asked.sum() - stay.sum()} groups below minimum_weight are left out")
    return stay


def _by_hand(
    mixture: Mixture, names: list[str], available: Floats, documents: Documents, path: list[str | int]
) -> Floats:
    """The weights of the file by group; `*` is shared by tokens among those not named."""
    for group in mixture.weights:
        if group != REST and group not in names:
            raise documents.file.error([*path, group], f"the run has no group '{group}'", did_you_mean(group, names))
    given = np.array([mixture.weights.get(name, 0.0) for name in names])
    unnamed = np.array([name not in mixture.weights for name in names])
    rest = mixture.weights.get(REST, 0.0)
    if rest:
        size = np.where(unnamed, available, 0.0)
        if not size.sum():
            raise documents.file.error([*path, REST], "every group is named, '*' stands for none", "leave '*' out")
        given = given + rest * size / size.sum()
    return given


def _curved(
    phase: Phase, domains: list[str], available: Floats, most: Floats, documents: Documents, top: list[str | int]
) -> Floats:
    """The curve over quality buckets: one for all, or where weights are given one for each domain."""
    curve = phase.mixture.curve
    assert curve is not None
    mean = dict(
        zip(
            bucket_names(curve.buckets),
            weights.curve(curve.buckets, curve.bottom, curve.power, curve.rate),
            strict=True,
        )
    )
    height = np.array([mean.get(name, 0.0) for name in phase.groups[phase.keys[-1]]])
    unscored = int(phase.groups.filter(pl.col(phase.keys[-1]) == NONE)["documents_available"].sum())
    if unscored:
        phase.notes.append(f"{unscored} documents without {curve.measure} get nothing")
    names = phase.groups.select(pl.concat_str(domains, separator=JOINT)).to_series()
    if not phase.mixture.weights:
        wanted = weights.capped(height * available, phase.budget, most)
        _refuse_short(phase, wanted, documents, top)
        return wanted
    unique = sorted(set(names))
    sizes = np.array([available[(names == name).to_numpy()].sum() for name in unique])
    shares = _by_hand(phase.mixture, unique, sizes, documents, [*top, "weights"])
    wanted = np.zeros_like(available)
    for name, share in zip(unique, shares / shares.sum(), strict=True):
        here = (names == name).to_numpy()
        wanted[here] = weights.capped((height * available)[here], phase.budget * share, most[here])
        if wanted[here].sum() < phase.budget * share * (1 - SLACK):
            raise documents.file.error(
                [*top, "weights", name],
                f"'{name}' would need {phase.budget * share:,.0f} tokens, the curve gives at most "
                f"{wanted[here].sum():,.0f} in {phase.mixture.max_epochs:g} epochs",
                "lower its weight, the budget or curve.bottom, or raise max_epochs",
            )
    return wanted


def _regressed(phase: Phase, available: Floats, most: Floats, documents: Documents, top: list[str | int]) -> Floats:
    asked = phase.mixture.regression
    assert asked is not None
    names = phase.groups["group"].to_list()
    path = [*top, "regression"]
    for limits in ("minimum", "maximum"):
        for group in getattr(asked, limits):
            if group not in names:
                hint = did_you_mean(group, names)
                raise documents.file.error([*path, limits, group], f"the run has no group '{group}'", hint)
    trials = read_trials(documents.file.folder / asked.trials, names, asked.metric)
    rows = [names.index(group) for group in trials.groups]
    phase.answer = solve(
        trials,
        goal=asked.goal,
        caps=most[rows] / phase.budget,
        minimum=asked.minimum,
        maximum=asked.maximum,
        drop_below=phase.mixture.minimum_weight,
        bootstraps=asked.bootstraps,
        seed=documents.file.recipe.seed,
        error=lambda message, hint: documents.file.error(path, message, hint),
    )
    best = phase.answer.qualities[0]
    if best.r2 < _POOR_R2:
        phase.notes.append(f"the trials explain little (R2 {best.r2:.2f}): make more of them, or less noisy ones")
    untried = [name for name, there in zip(names, available, strict=True) if there and name not in trials.groups]
    if untried:
        shown = ", ".join(untried[:5]) + (" ..." if len(untried) > 5 else "")
        phase.notes.append(f"{len(untried)} groups are no column of the trials and get nothing: {shown}")
    wanted = np.zeros_like(available)
    wanted[rows] = phase.answer.weights * phase.budget
    return wanted


def _refuse_short(phase: Phase, wanted: Floats, documents: Documents, top: list[str | int]) -> None:
    if wanted.sum() < phase.budget * (1 - SLACK):
        raise documents.file.error(
            [*top, "tokens"],
            f"phase {phase.name} asks for {phase.budget:,.0f} tokens, but the groups that may be read give "
            f"{wanted.sum():,.0f} in {phase.mixture.max_epochs:g} epochs",
            "lower tokens, or raise max_epochs",
        )


def _refuse(
    phase: Phase,
    names: list[str],
    wanted: Floats,
    available: Floats,
    most: Floats,
    documents: Documents,
    top: list[str | int],
) -> None:
    for group in np.flatnonzero(wanted > most * (1 + SLACK)):
        name, there = names[group], available[group]
        message = f"'{name}' would need {wanted[group]:,.0f} tokens, but phase {phase.name} has {there:,.0f} of it"
        if there:
            message += f": {wanted[group] / there:.3g} epochs, max_epochs is {phase.mixture.max_epochs:g}"
        at = [*top, "weights", name if name in phase.mixture.weights else REST]
        raise documents.file.error(at, message, "lower its weight or the budget, or raise max_epochs")
