"""The matcher on literal texts: offsets, edits, weights, answers, and the published rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from curate.contamination.match import Hits, Matcher
from curate.contamination.match_index import Index, Part
from curate.contamination.variants import load_variant

QUESTION = (
    "A greenhouse holds 14 trays of basil seedlings and every tray has room for 36 pots. "
    "If a storm ruins 59 pots, how many pots of basil can Ottilie still sell at the harbour market?"
)
ANSWER = "Ottilie can still sell 445 pots of basil at the harbour market"
FILLER = (
    "The town council met on Tuesday to discuss the new bridge. Several residents asked about the noise of the works, "
    "and the mayor promised a report before the end of the spring season."
)


def search(texts: Sequence[str], parts: Sequence[Part], variant: str = "winnow", documents: int | None = None) -> Hits:
    matcher = Matcher.of(parts, load_variant(variant))
    seen = matcher.see(list(texts))
    weights = matcher.weigh(matcher.count(seen), documents or len(texts))
    return matcher.hits(seen, weights, lambda rows: [texts[row] for row in rows])


def questions(*texts: str) -> list[Part]:
    return [Part(number, "question", text) for number, text in enumerate(texts)]


def found(hits: Hits) -> list[int]:
    """The documents that hold something."""
    return sorted(set(hits.doc[hits.hit].tolist()))


@pytest.mark.parametrize("variant", ["winnow", "gpt3", "llama3", "longest"])
def test_verbatim_question_has_exact_places(variant: str) -> None:
    text = f"{FILLER}\n\n{QUESTION}\n\n{FILLER}"
    hits = search([FILLER, text], questions(QUESTION), variant)
    assert found(hits) == [1]
    assert hits.score[hits.hit].tolist() == [1.0]
    start, end = int(hits.start[0]), int(hits.end[0])
    assert text[start:end].rstrip("?") == QUESTION.rstrip("?")
    assert (hits.item_start[0], QUESTION[: hits.item_end[0]].rstrip("?")) == (0, QUESTION.rstrip("?"))


def test_light_edits_cost_the_words_they_touch() -> None:
    edited = (
        QUESTION.replace("greenhouse", "nursery")
        .replace("every", "each")
        .replace("ruins", "wrecks")
        .replace("still", "yet")
    )
    hits = search([FILLER, f"{FILLER} {edited} {FILLER}"], questions(QUESTION))
    assert found(hits) == [1]
    assert 0.85 < hits.score[hits.hit][0] < 1
    assert found(search([FILLER, f"{FILLER} {edited}"], questions(QUESTION), "gpt3")) == []


def test_other_numbers_are_another_problem() -> None:
    other = QUESTION.replace("14", "23").replace("36", "48").replace("59", "71").replace("Ottilie", "Bram")
    other = other.replace("basil", "thyme").replace("harbour", "village")
    assert found(search([FILLER, f"{FILLER} {other}"], questions(QUESTION))) == []


def test_quotation_counts_only_with_the_words_around_it() -> None:
    quotation = "When in the course of human events it becomes necessary for one people to dissolve the political bands"
    item = f"{quotation}. Which document of the eighteenth century opens with this phrase?"
    quoting = [f"{FILLER} {number} {quotation} {FILLER}" for number in range(6)]
    assert found(search([*quoting, f"{FILLER} {item}"], questions(item))) == [6]


def test_text_that_more_documents_hold_than_allowed_is_ignored() -> None:
    line = "We use cookies to give you the best experience on our website and to analyse our traffic"
    texts = [f"{line}. {FILLER} {number}" for number in range(11)]
    for variant in ("winnow", "gpt3"):
        assert found(search(texts, questions(line), variant)) == []
        assert found(search(texts[:10], questions(line), variant)) == list(range(10))


def test_answer_is_scored_apart_beside_its_question() -> None:
    parts = [Part(0, "question", QUESTION), Part(0, "answer", "445 pots")]
    text = f"{FILLER} {QUESTION} Tick one: 400 pots. 445 pots. {FILLER}"
    hits = search([text, "There were 445 pots in the yard."], parts)
    assert hits.part.tolist() == [0, 1]
    assert hits.beside.tolist() == [-1, 0]
    assert text[hits.start[1] : hits.end[1]] == "445 pots"
    assert hits.doc.tolist() == [0, 0]


def test_long_answer_is_found_without_its_question() -> None:
    hits = search([FILLER, f"{FILLER} {ANSWER}."], [Part(0, "question", QUESTION), Part(0, "answer", ANSWER)])
    assert (found(hits), hits.part[hits.hit].tolist()) == ([1], [1])


def test_both_copies_in_one_document_are_found() -> None:
    text = f"{QUESTION} {FILLER} {FILLER} {FILLER} {QUESTION}"
    hits = search([text], questions(QUESTION))
    assert len(hits.start[hits.hit]) == 2


def test_short_or_repetitive_items_are_not_testable() -> None:
    short, phrase = "25 - 759 =", "hello world " * 8
    matcher = Matcher.of(questions(short, phrase, QUESTION), load_variant("winnow"))
    assert matcher.testable.tolist() == [False, False, True]


@pytest.mark.parametrize(
    "question",
    [
        "Сколько яблок осталось у Марфы, если она продала 17 яблок утром и ещё 23 яблока вечером на рынке?",
        "甲仓库有大米三百二十袋，运走一半之后又运进四十五袋，请问现在仓库里一共有多少袋大米？",
        "มีนกกระจอกเกาะอยู่บนต้นมะม่วงหลังบ้านของยายสิบเจ็ดตัว บินหนีไปเก้าตัว เหลือนกกี่ตัว",
    ],
)
def test_other_scripts(question: str) -> None:
    text = f"{FILLER}\n{question}\n{FILLER}"
    hits = search([text, FILLER], questions(question))
    assert found(hits) == [0]
    assert text[hits.start[0] : hits.end[0]] in question


def test_empty_batches_and_items_without_ngrams() -> None:
    assert found(search([], questions(QUESTION))) == []
    assert found(search(["", FILLER], questions("two words"))) == []
    assert found(search(["", FILLER], questions("", "!?"), "gpt3")) == []


def test_index_survives_the_disk(tmp_path) -> None:
    index = Matcher.of(questions(QUESTION, FILLER), load_variant("winnow")).index
    index.save(tmp_path / "index")
    for one, two in zip(index, Index.load(tmp_path / "index"), strict=True):
        assert np.array_equal(one, two)


def test_share_covered_by_all_documents_together() -> None:
    middle = QUESTION.index("If a storm")
    matcher = Matcher.of(questions(QUESTION), load_variant("llama3"))
    texts = [f"{FILLER} {QUESTION[:middle]}", f"{FILLER} {QUESTION[middle:]}"]
    seen = matcher.see(texts)
    weights = matcher.weigh(matcher.count(seen), 2)
    assert matcher.covered(weights).tolist() == [1.0]
    assert found(matcher.hits(seen, weights, lambda rows: [texts[row] for row in rows])) == []
