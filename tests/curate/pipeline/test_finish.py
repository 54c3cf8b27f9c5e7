"""The merge: what is sampled, and which rules never fired."""

from __future__ import annotations

import polars as pl

from curate.pipeline.finish import Finished, sampled
from curate.pipeline.passages import apply_cuts
from curate.pipeline.schemas import CUTS, UNIT_EDITS
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


def test_what_is_left_of_a_cut_text_is_counted_by_the_tokenizer_of_the_run() -> None:
    records = pl.DataFrame({"position": [4], "id": ["a"], "text": ["one two three four"]})
    cuts = pl.DataFrame([(4, 3, 13, "paragraph:repeated", "duplicates")], CUTS, orient="row")
    found = apply_cuts(
        records, pl.DataFrame(schema=UNIT_EDITS), cuts, lambda texts: [100 + len(text) for text in texts]
    )
    assert found.rows.drop("bytes").rows() == [(4, "one four", 8, 108)]
