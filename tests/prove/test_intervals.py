"""Intervals hold what they promise: how often, of 10,000 simulated data sets, does a 95 % interval cover the truth?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import binom, norm

from evalkit.statistics.intervals import Estimate, grouped, mean, pass_at_k, ratio, wilson
from evalkit.statistics.paired import compare, holm, verdict

pytestmark = pytest.mark.prove
Record = Callable[[str, str], None]
Random = np.random.Generator
SIMULATIONS = 10_000
CHANCE = 2 * (0.95 * 0.05 / SIMULATIONS) ** 0.5  # by which a simulation of that many may miss
MANY = 500  # items from which coverage has to lie between 94 and 96 %; below, at least 92 %


class World(NamedTuple):
    """Where data come from: a draw gives the estimate, `truth` what it should cover."""

    name: str
    sizes: tuple[int, ...]
    truth: float
    draw: Callable[[Random, int], Estimate]


SLOPE = -0.1


def heavy_documents(spread: float) -> Callable[[Random, int], Estimate]:
    """Lengths of log-normal law, and a loss a token that falls with the length and differs from one to the next."""

    def draw(random: Random, n: int) -> Estimate:
        size = random.normal(0, spread, n)
        tokens = 300 * np.exp(size)
        return ratio(tokens * (3 + SLOPE * size + random.normal(0, 0.5, n)), tokens)

    return draw


def clustered(share: float, alike: float) -> Callable[[Random, int], tuple[Any, Any]]:
    """About n zeros and ones in n / 5 clusters of 2 items and more, 5 on average; `alike`: their correlation."""

    def draw(random: Random, n: int) -> tuple[Any, Any]:
        sizes = 1 + random.geometric(0.25, n // 5)
        chance = random.beta(share * (1 / alike - 1), (1 - share) * (1 / alike - 1), n // 5)
        names = np.repeat(np.arange(n // 5), sizes)
        return (random.random(len(names)) < chance[names]).astype(float), names

    return draw


def passing(random: Random, n: int, k: int = 5, samples: int = 20) -> Estimate:
    table = [pass_at_k(samples, c, k) for c in range(samples + 1)]
    right = random.binomial(samples, random.beta(0.3, 2.7, n))
    return mean([table[c] for c in right], bounded=True)


def passing_truth(k: int = 5) -> float:
    """1 - E (1 - q)^k, which is a product for a beta law."""
    return 1 - float(np.prod((2.7 + np.arange(k)) / (3.0 + np.arange(k))))


def subjects(random: Random, n: int) -> Estimate:
    """57 tasks of different sizes and difficulty, each the same weight."""
    sizes = np.linspace(n / 57 / 3, 5 * n / 57 / 3, 57).astype(int)
    shares = np.linspace(0.25, 0.9, 57)
    return grouped([mean((random.random(m) < p).astype(float)) for m, p in zip(sizes, shares, strict=True)], by="tasks")


def flips(random: Random, n: int) -> Estimate:
    drawn = random.random(n)
    a, b = np.where(drawn < 0.06, 0.0, 1.0), np.where((drawn >= 0.06) & (drawn < 0.1), 0.0, 1.0)
    return compare(a, b).estimate


def flips_in_clusters(random: Random, n: int) -> Estimate:
    a, names = clustered(0.5, 0.3)(random, n)
    change = random.random(len(a)) < 0.05 + 0.1 * (np.unique(names, return_inverse=True)[1] % 2)
    return compare(a, np.where(change, 1 - a, a), names).estimate


def shares(p: float) -> Callable[[Random, int], Estimate]:
    return lambda random, n: mean((random.random(n) < p).astype(float))


def in_clusters(p: float, alike: float) -> Callable[[Random, int], Estimate]:
    return lambda random, n: mean(*clustered(p, alike)(random, n))


WORLDS = [
    World("means, exponential", (20, 50, 500), 1.0, lambda random, n: mean(random.exponential(size=n), bounded=False)),
    World("means, normal", (20, 50, 500), 0.0, lambda random, n: mean(random.normal(size=n), bounded=False)),
    World(
        "means, log-normal",
        (50, 500),
        float(np.exp(0.5)),
        lambda random, n: mean(random.lognormal(size=n), bounded=False),
    ),
    *[World(f"shares, {p:.0%}", (50, 100, 500, 2000), p, shares(p)) for p in (0.1, 0.25, 0.5)],
    *[
        World(f"clusters, {p:.0%}, correlation {r}", (100, 500), p, in_clusters(p, r))
        for p, r in ((0.3, 0.3), (0.5, 0.3), (0.7, 0.05))
    ],
    # A token's place in the corpus is size-biased: the mean of the log of a log-normal is then its variance.
    World("documents, spread 1.1", (20, 50, 100, 500, 2000), 3 + SLOPE * 1.1**2, heavy_documents(1.1)),
    World("documents, spread 1.35", (50, 100, 500, 2000), 3 + SLOPE * 1.35**2, heavy_documents(1.35)),
    World("pass@5 of 20 samples", (50, 164, 500), passing_truth(), passing),
    World("average of 57 tasks", (570, 2850), float(np.linspace(0.25, 0.9, 57).mean()), subjects),
    World("paired shares", (50, 100, 500, 2000), 0.02, flips),
    World("paired shares in clusters", (100, 500, 2000), 0.0, flips_in_clusters),
]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_coverage(world: World, record: Record) -> None:
    found = {}
    for n in world.sizes:
        random = np.random.default_rng([n, 1])
        inside = sum(one.low <= world.truth <= one.high for one in (world.draw(random, n) for _ in range(SIMULATIONS)))
        found[n] = inside / SIMULATIONS
        print(world.name, n, found[n], flush=True)
    record(
        f"coverage of 95 % intervals: {world.name}", ", ".join(f"{100 * c:.1f} % of {n:,}" for n, c in found.items())
    )
    for n, covered in found.items():
        assert covered >= 0.92 if n < MANY else abs(covered - 0.95) <= 0.01 + CHANCE, (world.name, n, covered)


def test_shares_at_every_difficulty(record: Record) -> None:
    """Exactly, not by simulation: Wilson's coverage over shares from 2 to 98 %."""
    told = []
    for n in (100, 500, 1000):
        low, high = np.array([wilson(k / n, n, 1.959963984540054) for k in range(n + 1)]).T
        p = np.linspace(0.02, 0.98, 1921)[:, None]
        covered = (binom.pmf(np.arange(n + 1), n, p) * ((low <= p) & (p <= high))).sum(1)
        inside = float(((covered >= 0.94) & (covered <= 0.96)).mean())
        span = f"{covered.min():.1%} to {covered.max():.1%}"
        told.append(f"{n:,}: {covered.mean():.1%} on average, {span}, within 94 to 96 % for {inside:.1%} of shares")
        assert covered.min() >= 0.92
        assert n < MANY or (0.945 < covered.mean() < 0.955 and inside > 0.98), (n, inside)
    record("coverage of Wilson's interval, exactly, over shares from 2 to 98 %", "; ".join(told))


def unpaired_p(a: Any, b: Any) -> float:
    """The two-sided z-test that takes the models' items for different ones."""
    z = (b.mean() - a.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    return float(2 * norm.sf(abs(z)))


def two_models(random: Random, n: int, gained: float, lost: float) -> tuple[Any, Any]:
    """Right on about 60 % each; so many items that only the second, or only the first, has right."""
    drawn, a = random.random(n), (random.random(n) < 0.6).astype(float)
    a = np.where(drawn < gained, 0.0, np.where(drawn < gained + lost, 1.0, a))
    return a, np.where(drawn < gained + lost, 1 - a, a)


def test_a_planted_point_is_found_by_pairs_alone(record: Record) -> None:
    random, n = np.random.default_rng(5), 4000
    found = {"pairs": 0, "unpaired": 0}
    for _ in range(SIMULATIONS):
        a, b = two_models(random, n, gained=0.02, lost=0.01)
        found["pairs"] += compare(a, b).p < 0.05
        found["unpaired"] += unpaired_p(a, b) < 0.05
    power = {name: count / SIMULATIONS for name, count in found.items()}
    a, b = np.repeat([0.0, 1.0, 1.0, 0.0], [80, 40, 2360, 1520]), np.repeat([1.0, 0.0, 1.0, 0.0], [80, 40, 2360, 1520])
    exact = compare(a, b).p, unpaired_p(a, b)
    record(
        "a difference of one point, 4,000 items",
        f"found by pairs in {power['pairs']:.1%} of data sets, by the unpaired z-test in {power['unpaired']:.1%}; "
        f"80 items gained and 40 lost: p {exact[0]:.1g} and {exact[1]:.2f}",
    )
    assert power["pairs"] > 0.9 and power["unpaired"] < 0.2
    assert exact[0] < 0.001 and exact[1] > 0.3


def test_equal_models_are_seldom_told_apart(record: Record) -> None:
    random = np.random.default_rng(6)
    one, family, tied, apart = 0, 0, 0, 0
    for _ in range(SIMULATIONS):
        p = [compare(*two_models(random, 500, 0.03, 0.03)).p for _ in range(5)]
        one += p[0] < 0.05
        family += min(holm(p)) < 0.05
        found = compare(*two_models(random, 2000, 0.03, 0.02))  # a true difference of one point
        said = verdict(found, found.p, within=0.01)
        tied += said.kind == "tied"
        apart += said.kind == "a"
    shares = [count / SIMULATIONS for count in (one, family, tied, apart)]
    record(
        "errors of verdicts",
        f"equal models told apart: {shares[0]:.1%} of comparisons, {shares[1]:.1%} of five at once (Holm); a true "
        f"difference of a point called a tie within a point: {shares[2]:.1%}; the worse called better: {shares[3]:.2%}",
    )
    assert 0.04 <= shares[0] <= 0.06 and shares[1] <= 0.055 and shares[2] <= 0.055 and shares[3] < 0.001


def test_what_can_be_detected_is_detected(record: Record) -> None:
    """Models that differ by as much as a first comparison says can be detected are told apart four times in five."""
    random, n = np.random.default_rng(7), 2000
    detectable = np.mean([compare(*two_models(random, n, 0.03, 0.03)).detectable for _ in range(200)])
    found = 0
    for _ in range(SIMULATIONS):
        a, b = two_models(random, n, 0.03 + detectable / 2, 0.03 - detectable / 2)
        found += compare(a, b).p < 0.05
    record("power at the difference that is said to be detectable", f"{found / SIMULATIONS:.1%}, 80 % promised")
    assert 0.77 <= found / SIMULATIONS <= 0.83
