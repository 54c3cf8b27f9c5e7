"""The merge: what is sampled, and which rules never fired."""

from __future__ import annotations

import polars as pl

from curate.pipeline.finish import Finished, sampled
from curate.rules import load_profile


def test_a_sample_depends_on_the_id_and_the_seed_alone() -> None:
    ids = pl.Series([f"{number:032x}" for number in range(2000)])
    whole = sampled(ids, 0.3, seed=1)
    assert 500 < whole.sum() < 700
    assert sampled(ids[1000:], 0.3, seed=1).equals(whole[1000:])
    assert not sampled(ids, 0.3, seed=2).equals(whole)
    assert sampled(ids, 1.0, seed=1).all()


def test_rules_that_failed_no_document_are_named() -> None:
    profile = load_profile("fineweb@datatrove")
    done = Finished()
    done.fired.update(rule.id for rule in profile.rules[1:])
    assert done.never_fired(profile) == [profile.rules[0].id]
