"""Near duplicates at a known similarity."""

from __future__ import annotations

import pytest

from curate.sample.build import truth
from curate.sample.crawl import _filled, plan
from curate.sample.near import jaccard, rewritten, shingles
from curate.sample.page import Block, pages, paragraphs


def test_shingles_are_runs_of_five_words_in_lower_case() -> None:
    assert shingles("One two, THREE four-five six") == {
        ("one", "two", "three", "four", "five"),
        ("two", "three", "four", "five", "six"),
    }


def test_jaccard_of_a_changed_word() -> None:
    # 10 words give 6 shingles; changing the last word changes one of them: 5 in common of 7.
    words = "a b c d e f g h i j"
    assert jaccard(words, words) == 1.0
    assert jaccard(words, words[:-1] + "x") == pytest.approx(5 / 7)


def test_a_rewritten_page_comes_near_its_target() -> None:
    body = _filled(pages()["peat"], 0)
    changed, similarity = rewritten(body, "en", 0.8, 0, "test")
    assert similarity == jaccard("\n".join(paragraphs(body)), "\n".join(paragraphs(changed)))
    assert similarity == pytest.approx(0.8, abs=0.01)
    assert [block.kind for block in changed] == [block.kind for block in body]


def test_only_running_text_is_changed() -> None:
    body = [Block("heading", "a b c d e f"), Block("text", "one two three four five six seven eight nine ten")]
    changed, _ = rewritten(body, "de", 0.1, 0, "test")
    assert changed[0] == body[0]
    assert changed[1] != body[1]


def test_the_planted_similarities_are_true() -> None:
    """Computed again from the texts of the truth table, and near what was asked for."""
    texts = {known.key: "\n".join(known.text) for known in truth() if known.text}
    near = [known for known in truth() if known.variant == "near"]
    assert len(near) == sum(len(group["of"]) * len(group["jaccard"]) for group in plan()["near"])
    for known in near:
        target = int(known.key.rpartition("-")[2]) / 100
        assert known.duplicate_of is not None and known.jaccard is not None
        assert known.jaccard == jaccard(texts[known.duplicate_of], texts[known.key])
        assert known.jaccard == pytest.approx(target, abs=0.015), known.key


def test_copies_have_the_text_of_their_original() -> None:
    texts = {known.key: known.text for known in truth()}
    copies = [known for known in truth() if known.variant == "copy"]
    assert len(copies) >= len(plan()["copies"])
    for known in copies:
        assert known.jaccard == 1.0
        assert known.text == texts[str(known.duplicate_of)]
