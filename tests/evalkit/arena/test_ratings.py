"""Bradley-Terry: published fits, FastChat's numbers, and what a covariance must hold."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from evalkit.arena.ratings import Battles, components, fit


def tally(rows: list[tuple[int, int, float, float]]) -> Battles:
    left, right, outcome, weight = (np.array(column) for column in zip(*rows, strict=True))
    return Battles(left.astype(np.int64), right.astype(np.int64), outcome.astype(float), weight.astype(float))


def simulated() -> tuple[Battles, list[str], dict[str, np.ndarray]]:
    """20,000 battles of six models with a true effect of length, as the reference set-up draws them."""
    draw, n = np.random.default_rng(0), 20_000
    strengths = np.linspace(-0.6, 0.6, 6)
    a = draw.integers(0, 6, n)
    b = (a + draw.integers(1, 6, n)) % 6
    la = draw.lognormal(5.5 + 0.3 * a / 6, 0.5).astype(int) + 1
    lb = draw.lognormal(5.5 + 0.3 * b / 6, 0.5).astype(int) + 1
    x = (la - lb) / (la + lb + 1)
    z = (x - x.mean()) / x.std()
    tie = draw.random(n) < 0.2
    win = draw.random(n) < 1 / (1 + np.exp(-(strengths[a] - strengths[b] + 0.25 * z)))
    counts = draw.integers(0, 4, (6, n))
    raw = [x] + [(counts[k] - counts[k + 3]) / (counts[k] + counts[k + 3] + 1) for k in range(3)]
    style = np.stack([(v - v.mean()) / v.std() for v in raw], 1)
    outcome = np.where(tie, 0.5, win.astype(float))
    return Battles(a, b, outcome), [f"m{i}" for i in range(6)], {"style": style}


def test_two_players_have_the_odds_of_their_wins() -> None:
    found = fit(tally([(0, 1, 1.0, 3.0), (0, 1, 0.0, 1.0)]), ["a", "b"])
    assert found.strengths == pytest.approx([math.log(3) / 2, -math.log(3) / 2])
    assert found.chance(0, 1) == pytest.approx(0.75)


def test_fastchats_ratings() -> None:
    battles, players, _ = simulated()
    expected = [916.8810, 949.1506, 979.4385, 1016.3469, 1056.1044, 1082.0786]
    assert fit(battles, players).ratings == pytest.approx(expected, abs=2e-4)


def test_fastchats_style_control_shrinks_by_its_ridge() -> None:
    battles, players, extra = simulated()
    styled = Battles(battles.left, battles.right, battles.outcome, covariates=extra["style"])
    # It adds a quarter of all squares, of strengths as logarithms of base ten.
    found = fit(styled, players, ridge=(0.5 / math.log(10) ** 2, 0.5))
    assert found.ratings == pytest.approx([921.431, 951.997, 980.501, 1015.448, 1053.008, 1077.615], abs=1e-3)
    assert found.effects == pytest.approx([0.17457375, -0.01075301, -0.01991422, 0.00039231], abs=1e-5)
    assert fit(styled, players).effects[0] == pytest.approx(0.1746, abs=1e-4)


def test_published_fits(shared_data: Path) -> None:
    sets = {one["name"]: one for one in json.loads((shared_data / "arena/bradley-terry-published.json").read_text())}
    games = sets["baseball-1987"]["games"]
    teams = sorted({game["home"] for game in games})
    number = {team: k for k, team in enumerate(teams)}
    rows = [(number[g["home"]], number[g["away"]], won, float(g[f"{side}_wins"]))
            for g in games for won, side in ((1.0, "home"), (0.0, "away"))]  # fmt: skip
    published = sets["baseball-1987"]["published"]
    plain = fit(tally(rows), teams)
    over = sorted(plain.strengths - plain.strengths[number["Baltimore"]])[1:]
    assert np.round(over, 2).tolist() == published["log_abilities_sorted_2dp"]
    battles = tally(rows)
    at_home = fit(
        Battles(battles.left, battles.right, battles.outcome, battles.weight, covariates=np.ones((len(rows), 1))), teams
    )
    shares = np.exp(at_home.strengths) / np.exp(at_home.strengths).sum()
    assert np.round(sorted(shares), 3).tolist() == published["with_home_advantage"]["ability_shares_sorted_3dp"]
    assert round(float(at_home.effects[0]), 3) == published["with_home_advantage"]["at_home_3dp"]
    wiki = sets["wikipedia-bradley-terry"]
    names = sorted(wiki["published"]["powers_geometric_mean_1"])
    rows = [(names.index(g["winner"]), names.index(g["loser"]), 1.0, float(g["count"])) for g in wiki["games"]]
    powers = np.exp(fit(tally(rows), names).strengths)
    assert np.round(powers, 3).tolist() == [wiki["published"]["powers_geometric_mean_1"][name] for name in names]


def test_davidson_reproduces_the_share_of_ties() -> None:
    rows = [(0, 1, 1.0, 30.0), (0, 1, 0.0, 20.0), (0, 1, 0.5, 50.0)]
    found = fit(tally(rows), ["a", "b"], ties="davidson")
    assert found.tie is not None
    win, loss, tie = (math.exp(v) for v in (found.strengths[0], -found.strengths[0], found.tie))
    assert [win, loss, tie] == pytest.approx([v * (win + loss + tie) for v in (0.3, 0.2, 0.5)])
    assert found.chance(0, 1) == pytest.approx(0.55)


def test_votes_on_one_prompt_are_one_piece_of_evidence() -> None:
    battles, players, _ = simulated()
    some = battles.take(np.arange(2000))
    twice = Battles(*(np.concatenate([part, part]) for part in (some.left, some.right, some.outcome)),
                    cluster=np.tile(np.arange(2000), 2))  # fmt: skip
    assert fit(twice, players).errors == pytest.approx(fit(some, players).errors, rel=1e-9)
    careless = Battles(twice.left, twice.right, twice.outcome)
    assert fit(careless, players).errors == pytest.approx(fit(some, players).errors / math.sqrt(2), rel=1e-3)


def test_the_order_of_a_pair_does_not_matter() -> None:
    battles, players, extra = simulated()
    turned = Battles(battles.right, battles.left, 1 - battles.outcome, covariates=-extra["style"])
    as_is = Battles(battles.left, battles.right, battles.outcome, covariates=extra["style"])
    for ties in ("half", "davidson"):
        first, second = fit(as_is, players, ties=ties), fit(turned, players, ties=ties)
        assert first.strengths == pytest.approx(second.strengths, abs=1e-9)
        assert first.covariance == pytest.approx(second.covariance, abs=1e-12)


def test_who_cannot_be_compared() -> None:
    never_lost = tally([(0, 1, 1.0, 5.0), (1, 2, 1.0, 1.0), (2, 1, 1.0, 1.0)])
    parts = components(never_lost, 3)
    assert parts[1] == parts[2] != parts[0]
    with pytest.raises(ValueError, match="not finite"):
        fit(never_lost, ["a", "b", "c"])
    with pytest.raises(ValueError, match="meet itself"):
        tally([(1, 1, 1.0, 1.0)])
    with pytest.raises(ValueError, match="outcomes"):
        tally([(0, 1, 0.7, 1.0)])


def test_a_million_votes_are_no_harder() -> None:
    battles, players, _ = simulated()
    many = battles.weighed(np.full(len(battles.left), 1e6))
    assert fit(many, players).strengths == pytest.approx(fit(battles, players).strengths, abs=1e-9)
