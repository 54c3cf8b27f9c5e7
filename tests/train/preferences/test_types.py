"""Judgements of several raters put together: winners, probabilities, ties, disagreement."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from train.preferences.types import Comparison, Judgement, Pair, Score, Thumb, ranked

ASKED = ({"role": "user", "content": "Fox?"},)


def compared(*judgements, k=4, **more):
    return Comparison("one", ASKED, tuple("abcdefghi"[:k]), tuple(judgements), **more)


def test_a_ranking_is_all_k_choose_2_pairs():
    found = compared(*ranked([1, 2, 3, 4])).pairs()
    assert [(pair.winner, pair.loser) for pair in found.kept] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert found.ties == 0


def test_ties_of_a_ranking_are_dropped_and_counted():
    found = compared(*ranked([2, 1, 2, 3])).pairs()
    assert [(pair.winner, pair.loser) for pair in found.kept] == [(1, 0), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert found.ties == 1


@given(st.lists(st.integers(1, 4), min_size=2, max_size=9))
def test_pairs_and_ties_are_k_choose_2(ranks):
    found = compared(*ranked(ranks), k=len(ranks)).pairs()
    assert len(found.kept) + found.ties == len(ranks) * (len(ranks) - 1) // 2
    assert all(ranks[pair.winner] < ranks[pair.loser] for pair in found.kept)


def test_raters_who_disagree_make_a_probability():
    votes = [Judgement(0, 1, 1.0, "ada"), Judgement(0, 1, 1.0, "bob"), Judgement(1, 0, 1.0, "eve")]
    found = compared(*votes, k=2)
    assert found.pairs().kept == [Pair(0, 1, 2 / 3, 0.0, 3)]
    assert found.disagreement() == (2, 3)  # ada and eve, bob and eve, of three pairs of votes


def test_an_even_split_is_no_tie_and_a_tie_by_everyone_is():
    split = compared(Judgement(0, 1, 1.0, "ada"), Judgement(0, 1, 0.0, "bob"), k=2).pairs()
    assert [pair.probability for pair in split.kept] == [0.5]
    ties = compared(Judgement(0, 1, 0.5, "ada"), Judgement(0, 1, 0.5, "bob"), k=2).pairs()
    assert (ties.kept, ties.ties) == ([], 1)
    one_tie = compared(Judgement(0, 1, 0.0, "ada"), Judgement(0, 1, 0.5, "bob"), k=2).pairs()
    assert one_tie.kept == [Pair(1, 0, 0.75, 0.0, 2)]


def test_scores_compare_within_a_rater_and_have_margins():
    scores = (Score(0, 3.0, "ada"), Score(1, 1.0, "ada"), Score(0, 9.0, "bob"))
    assert compared(k=2, scores=scores).pairs().kept == [Pair(0, 1, 1.0, 2.0, 1)]


def test_scores_under_no_name_do_not_overwrite_each_other():
    scores = (Score(0, 3.0), Score(1, 1.0), Score(0, 2.0), Score(1, 5.0), Score(0, 9.0))
    found = compared(k=2, scores=scores)
    assert found.pairs().kept == [Pair(0, 1, 0.5, 0.0, 2)]  # 3 against 1, 2 against 5; the 9 has nothing beside it
    assert found.disagreement() == (1, 1)
    assert compared(k=2, scores=scores[1::-1]).pairs().kept == [Pair(0, 1, 1.0, 2.0, 1)]


def test_margins_of_raters_who_disagree_go_against_each_other():
    votes = [Judgement(0, 1, 1.0, "a", 3.0), Judgement(0, 1, 1.0, "b", 3.0), Judgement(0, 1, 0.0, "c", 3.0)]
    assert compared(*votes, k=2).pairs().kept[0].margin == 1.0


def test_thumbs_compare_what_nothing_else_does():
    thumbs = (Thumb(0, False), Thumb(1, True), Thumb(2, True))
    found = compared(Judgement(0, 1, 1.0), k=3, thumbs=thumbs)
    assert found.wanted() == [0.0, 1.0, 1.0]
    assert [(pair.winner, pair.loser) for pair in found.pairs().kept] == [(0, 1), (2, 0)]
    assert found.pairs().ties == 1  # two thumbs up
