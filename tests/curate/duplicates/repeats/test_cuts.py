"""Repeated paragraphs and stretches against a reference by brute force; nothing depends on how they are found."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.duplicates.config import Duplicates
from curate.duplicates.repeats.cuts import find_cuts
from curate.duplicates.repeats.passages import PassageWriter
from curate.duplicates.repeats.tidy import Cut, tidied
from curate.segment import decode
from workbench.events import Event

LEAST = 50  # the shortest stretch that the settings allow
Found = list[tuple[int, int, int, str, int]]  # doc, start, end, kind, owner


def config(paragraphs: int | None = None, substrings: int | None = LEAST) -> Duplicates:
    return Duplicates.model_validate(
        {
            "paragraphs": {"enabled": paragraphs is not None, "min_chars": paragraphs or 200},
            "substrings": {"enabled": substrings is not None, "min_chars": substrings or 400},
        }
    )


def found(directory: Path, texts: Sequence[str], ranks: Sequence[int], settings: Duplicates, *,
          ends: Sequence[int] = (), memory: int = 1 << 30, jobs: int = 1) -> Found:  # fmt: skip
    units = []
    for begin, end in zip([0, *ends], [*ends, len(texts)], strict=True):
        units.append(directory / f"unit-{len(units)}")
        with PassageWriter(units[-1], settings) as writer:
            for at in range(begin, end, 3):
                stop = min(at + 3, end)
                writer.write(decode([*texts[at:stop]]), np.array(ranks[at:stop], np.int64))
    path = find_cuts(units, settings, directory=directory / "found", memory_bytes=memory, jobs=jobs)
    return pl.read_parquet(path).rows()


def cut_by_force(texts: Sequence[str], ranks: Sequence[int], length: int) -> list[list[tuple[int, int]]]:
    """Of each text, the stretches in which every code point lies in a window that a text of lower rank has too."""
    out = []
    for text, rank in zip(texts, ranks, strict=True):
        lower = {
            other[at : at + length]
            for other, its_rank in zip(texts, ranks, strict=True)
            if its_rank < rank
            for at in range(len(other) - length + 1)
        }
        spans: list[tuple[int, int]] = []
        for at in range(len(text) - length + 1):
            if text[at : at + length] not in lower:
                continue
            if spans and at <= spans[-1][1]:
                spans[-1] = spans[-1][0], at + length
            else:
                spans.append((at, at + length))
        out.append(spans)
    return out


def expected(texts: Sequence[str], ranks: Sequence[int], length: int) -> list[tuple[int, int, int]]:
    return [
        (doc, cut.start, cut.end)
        for doc, spans in enumerate(cut_by_force(texts, ranks, length))
        for cut in tidied(decode([texts[doc]]).codes, [Cut(*span, 1, 0) for span in spans])
    ]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """Texts put together from few pieces, of letters that make ties and periods likely."""
    letters = draw(st.sampled_from(["ab", "abc .\n", "a", "aß漢\U0001f600 "]))
    pieces = draw(st.lists(st.text(letters, min_size=1, max_size=90), min_size=1, max_size=5))
    texts = draw(st.lists(st.lists(st.sampled_from(pieces), max_size=6).map("".join), min_size=1, max_size=6))
    return texts, draw(st.permutations(range(len(texts))))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpora())
def test_every_common_stretch_is_found(
    tmp_path_factory: pytest.TempPathFactory, corpus: tuple[list[str], list[int]]
) -> None:
    texts, ranks = corpus
    rows = found(tmp_path_factory.mktemp("force"), texts, ranks, config())
    assert [row[:3] for row in rows] == expected(texts, ranks, LEAST)
    assert all(ranks[owner] < ranks[doc] and kind == "substring:repeated" for doc, _, _, kind, owner in rows)


def novel(seed: int) -> tuple[list[str], list[int]]:
    """Thirty texts that share sentences; some lines are long, some characters wide."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnopäß漢", k=draw.randrange(2, 9))) for _ in range(300)]
    sentences = [" ".join(draw.choices(words, k=draw.randrange(5, 30))) + "." for _ in range(60)]
    texts = ["\n\n".join(draw.choices(sentences, k=draw.randrange(1, 12))) for _ in range(30)]
    return texts, draw.sample(range(1000), 30)


@pytest.mark.parametrize("seed", range(3))
def test_stretches_of_sentences(tmp_path: Path, seed: int) -> None:
    texts, ranks = novel(seed)
    rows = found(tmp_path, texts, ranks, config())
    assert [row[:3] for row in rows] == expected(texts, ranks, LEAST)
    assert len(rows) > 30
    for doc, start, end, _, owner in rows:  # the owner has the longest part, which is half of a cut or more
        assert ranks[owner] < ranks[doc] and any(
            texts[doc][at : at + LEAST] in texts[owner] for at in range(start, end - LEAST + 1)
        )


def test_nothing_depends_on_units_memory_or_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, ranks = novel(9)
    settings_ = config(paragraphs=60)
    whole = found(tmp_path / "whole", texts, ranks, settings_)
    assert {row[3] for row in whole} == {"paragraph:repeated", "substring:repeated"}
    assert found(tmp_path / "two", texts, ranks, settings_, ends=[7, 7, 20], jobs=2) == whole
    monkeypatch.setattr("curate.duplicates.repeats.exchange.COPIES", 1 << 12)
    monkeypatch.setattr("curate.duplicates.repeats.passages._BUFFERED", 50)
    monkeypatch.setattr("curate.duplicates.repeats.cuts._BATCH", 3)
    assert found(tmp_path / "many", texts, ranks, settings_, ends=[11], memory=1) == whole
    assert len([*(tmp_path / "many" / "found" / "matched").iterdir()]) > 10
    order = random.Random(3).sample(range(30), 30)
    shuffled = found(tmp_path / "order", [texts[i] for i in order], [ranks[i] for i in order], settings_)
    assert sorted((order[row[0]], *row[1:4], order[row[4]]) for row in shuffled) == whole


def test_a_finished_search_is_not_repeated(tmp_path: Path) -> None:
    texts, ranks = novel(1)
    rows = found(tmp_path, texts, ranks, config())
    events: list[Event] = []
    units = [tmp_path / "unit-0"]
    path = find_cuts(
        units, config(), directory=tmp_path / "found", memory_bytes=1 << 30, jobs=1, on_event=events.append
    )
    assert pl.read_parquet(path).rows() == rows
    assert not any(event.counts.get("cuts") for event in events if event.fraction not in (None, 1.0))


PARAGRAPH = "A paragraph that is long enough to be one that a document may lose."


def test_paragraphs_stay_with_the_lowest_rank(tmp_path: Path) -> None:
    texts = [
        f"One.\n\n{PARAGRAPH}\n\nEnd.",
        PARAGRAPH,
        f"{PARAGRAPH.upper()}\n\nTwo.\n\n{PARAGRAPH}  ",
        "Two.\n\nshort",
    ]
    rows = found(tmp_path, texts, [5, 2, 7, 9], config(paragraphs=60, substrings=None))
    cut = [(doc, texts[doc][:start] + "|" + texts[doc][end:], owner) for doc, start, end, _, owner in rows]
    assert cut == [
        (0, "One.\n\n|End.", 1),
        (2, "|Two.\n\n" + PARAGRAPH + "  ", 1),
        (2, PARAGRAPH.upper() + "\n\nTwo.|", 1),
    ]


def test_a_paragraph_twice_in_one_document_stays(tmp_path: Path) -> None:
    texts = [f"{PARAGRAPH}\n\n{PARAGRAPH}", "Something else altogether, of about the same length, more or less."]
    assert found(tmp_path, texts, [0, 1], config(paragraphs=60)) == []


def test_white_space_of_a_paragraph_does_not_make_it_long(tmp_path: Path) -> None:
    texts = ["short" + " " * 80 + "one", "short one", "short" + "\t" * 80 + "one"]
    assert found(tmp_path, texts, [0, 1, 2], config(paragraphs=60, substrings=None)) == []


def test_the_longer_part_names_kind_and_owner(tmp_path: Path) -> None:
    tail = "Then this follows, letter by letter, in a document of its own that has it all, from here to the end of it."
    texts = [f"Zero. {PARAGRAPH}", PARAGRAPH, f"First. {tail}", f"{PARAGRAPH}\n\n{tail}"]
    rows = found(tmp_path, texts, [1, 0, 2, 3], config(paragraphs=60))
    assert (
        rows == [(3, 0, len(texts[3]), "substring:repeated", 2), (0, 5, len(texts[0]), "substring:repeated", 1)][::-1]
    )


@pytest.mark.parametrize(("text", "left"), [
    ("A start. [Common text], an end.", "A start. , an end."),
    ("un[able. Common text tha]t ends.", "unable that ends."),
    ("[Common.\n\n]Rest", "Rest"),
    ("Rest.\n\n[Common.]\n", "Rest."),
    ("One.\n[Common.]\n\nTwo.", "One.\n\nTwo."),
    ("One.[\n\nCommon.\n]Two.", "One.\n\nTwo."),
    ("One. [Common.]  [Also.] Two.", "One. Two."),
    ("前[文字列]後", "前後"),
    ("One[ \n ]Two", "One \n Two"),
])  # fmt: skip
def test_what_is_left_reads_as_text(text: str, left: str) -> None:
    cuts, plain = [], ""
    for char in text:
        if char == "[":
            begin = len(plain)
        elif char == "]":
            cuts.append(Cut(begin, len(plain), 0, 0))
        else:
            plain += char
    out, at = "", 0
    for cut in tidied(decode([plain]).codes, cuts):
        out += plain[at : cut.start]
        at = cut.end
    assert out + plain[at:] == left


def test_a_fingerprint_of_too_many_texts_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.duplicates.repeats.passage_kernels._OWNERS", 3)
    middle = "the same middle of every one of these texts, which is "
    draw = random.Random(5)
    texts = ["".join(draw.choices("abcdef ", k=40)) + middle + "".join(draw.choices("abcdef ", k=40)) for _ in range(8)]
    texts += texts  # of the last eight, those are found whose first copy was remembered
    events: list[Event] = []
    with PassageWriter(tmp_path / "unit", config()) as writer:
        writer.write(decode(texts), np.arange(16))
    path = find_cuts([tmp_path / "unit"], config(), directory=tmp_path / "found", memory_bytes=1 << 30, jobs=1,
                     on_event=events.append)  # fmt: skip
    whole = [row[0] for row in pl.read_parquet(path).rows() if row[2] - row[1] > 130]
    assert {8, 9, 10} <= {*whole}
    assert [event.level for event in events if "too many" in event.message] == ["warning"]


def test_documents_without_text_and_units_without_documents(tmp_path: Path) -> None:
    assert found(tmp_path, ["", "a", ""], [2, 0, 1], config(paragraphs=60), ends=[0, 3]) == []


def test_ranks_are_checked(tmp_path: Path) -> None:
    with PassageWriter(tmp_path, config()) as writer, pytest.raises(ValueError, match="2 ranks"):
        writer.write(decode(["a"]), np.array([0, 1]))
    with PassageWriter(tmp_path, config()) as writer, pytest.raises(ValueError, match="0 or more"):
        writer.write(decode(["a"]), np.array([-1]))
