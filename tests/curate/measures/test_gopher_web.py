"""The families `gopher_dclm` and `gopher_olmo3` against plain restatements of the two programs."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.segment import Segments, surfaces

STOP = {"the", "be", "to", "of", "and", "that", "have", "with"}
PIECES = [
    "the ", "The ", "of ", "AND ", "a ", "ab ", "b ", "c d e f g ", "_x ", "_", "#", "...", "…", ". . .", " . . . . . ",
    ". ", "\n", "\n\n", "\n\n\n", " ", "- item\n", " • item\n", "* x\n", "● y\n", "same line\n", "same line\n\n",
    "  same line\n",
    "12 ", "3.5 ", "é ", "naïve ", "\t", "end...\n", "end…\r\n", "end. . . \n", "\x00z ", "\u00a0", "(w) ", "中 ",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def uax29(text: str) -> list[str]:
    view = Segments([text])
    return surfaces(view.text, view.words_uax29, 0)


def octets(text: str) -> int:
    return len(text.encode())


def copies(blocks: list[str], length) -> tuple[float, float]:
    """Blocks that occur more than once, all copies counted, by number and by length."""
    counts = Counter(blocks)
    again = [block for block in blocks if counts[block] > 1]
    return share(len(again), len(blocks)), share(sum(map(length, again)), sum(map(length, blocks)))


def covered(words: list[str], n: int, chosen: set[tuple[str, ...]]) -> set[int]:
    return {i + k for i in range(len(words) - n + 1) if tuple(words[i : i + n]) in chosen for k in range(n)}


def grams(words: list[str], n: int) -> Counter:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def longest_most_common(counts: Counter, length) -> tuple[tuple[str, ...], int] | None:
    if not counts or max(counts.values()) == 1:
        return None
    most = max(counts.values())
    return max((gram for gram in counts if counts[gram] == most), key=lambda gram: sum(map(length, gram))), most


def dclm(text: str) -> dict[str, float]:
    spaced = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    paragraphs = [part.strip() for part in re.split(r"\n{2,}", text) if part.strip()]
    out = {
        "words": sum(token[0].isalnum() for token in re.split(r"[ \t\n\v\f\r\0]+", text) if token),
        "mean_word_length": share(sum(map(len, spaced)), len(spaced)),
        "symbol_ratio": share(sum(text.count(mark) for mark in ("#", "...", ". . .", "…")), len(spaced)),
        "bullet_lines": share(sum(line.startswith(("●", "•", "*", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.endswith(("...", ". . .", "…")) for line in lines), len(lines)),
        "non_alpha_words": share(sum(not any(map(str.isalpha, word)) for word in spaced), len(spaced)),
        "stop_words": sum(word.lower() in STOP for word in spaced),
    }
    out["dup_line_frac"], out["dup_line_char_frac"] = copies(lines, len)
    out["dup_para_frac"], out["dup_para_char_frac"] = copies(paragraphs, len)
    words = [word for word in uax29(text) if word[0].isalnum()]
    total = sum(map(len, words))
    for n in range(2, 11):
        counts = grams(words, n)
        if n <= 4:
            best = longest_most_common(counts, len)
            out[f"top_{n}_gram"] = share(sum(map(len, best[0])) * best[1], total) if best else 0.0
        else:
            repeated = {gram for gram in counts if counts[gram] > 1}
            out[f"dup_{n}_gram"] = share(sum(len(words[i]) for i in covered(words, n, repeated)), total)
    return out


def olmo3(text: str) -> dict[str, float]:
    spaced = text.split()
    raw = text.split("\n")
    ended = [line.removesuffix("\r") for line in raw if line.removesuffix("\r")]
    words = uax29(text)
    count = len(re.findall(r"[a-zA-Z0-9]+", text)) if text.isascii() else len(words)
    joined = text.replace(". . .", "...").split()
    out = {
        "words": count,
        "mean_word_length": share(sum(map(octets, spaced)), len(spaced)),
        "symbol_ratio": sum(text.count(mark) for mark in ("#", "...", ". . .", "…")) / max(1, len(joined)),
        "bullet_lines": share(sum(line.startswith(("●", "•", "*", "-")) for line in raw), len(raw)),
        "ellipsis_lines": share(sum(line.endswith(("...", ". . .", "…")) for line in ended), len(ended)),
        "non_alpha_words": share(sum(not any(map(str.isalpha, word)) for word in spaced), len(spaced)),
        "stop_words": sum(word.lower() in STOP for word in spaced),
    }
    lines = [line for line in raw if line]
    paragraphs = [part for part in re.split(r"\n{2,}", text) if part]
    for name, blocks in (("line", lines), ("para", paragraphs)):
        out[f"dup_{name}_frac"], out[f"dup_{name}_char_frac"] = copies(blocks, octets) if blocks else (1.0, 1.0)
    total = sum(map(octets, words))
    for n in range(2, 11):
        counts = grams(words, n)
        chosen = {gram for gram in counts if counts[gram] > 1}
        if n <= 4:
            best = longest_most_common(counts, octets)
            chosen = {best[0]} if best else set()
        name = f"top_{n}_gram" if n <= 4 else f"dup_{n}_gram"
        out[name] = share(sum(octets(words[i]) for i in covered(words, n, chosen)), total)
    return out


def family(row: dict[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_every_measure_is_as_restated(measured, text: str) -> None:
    (row,) = measured([text])
    assert family(row, "gopher_dclm.") == dclm(text)
    ours, theirs = family(row, "gopher_olmo3."), olmo3(text)
    for n in (2, 3, 4):  # among n-grams of equal count and length datamap-rs takes any
        ours.pop(f"top_{n}_gram")
        theirs.pop(f"top_{n}_gram")
    assert ours == theirs


@pytest.mark.parametrize(
    ("text", "measure", "value"),
    [
        ("a a a a", "gopher_olmo3.top_2_gram", 1.0),  # overlapping copies cover each word once
        ("a a a a", "gopher_dclm.top_2_gram", 6 / 4),  # length times copies
        ("aa bb aa bb cc", "gopher_olmo3.top_2_gram", 8 / 10),
        ("one\n\none\n\ntwo", "gopher_dclm.dup_para_frac", 2 / 3),
        ("snake_case _x _x", "gopher_dclm.words", 1),
        ("a-b", "gopher_olmo3.words", 2),
    ],
)
def test_small_texts(measured, text: str, measure: str, value: float) -> None:
    assert measured([text])[0][measure] == value


def test_dclms_own_cases_of_repetition(measured, shared_data: Path) -> None:
    with gzip.open(shared_data / "peer-tests" / "cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        cases = [
            case for case in map(json.loads, lines) if case["rule"] == "repetition_filter" and case["page"]["text"]
        ]
    assert len(cases) > 20
    for case in cases:
        params = case["params"]
        if isinstance(params["granularity"], int):
            kind = "top" if params["granularity"] <= 4 else "dup"
            name = f"{kind}_{params['granularity']}_gram"
        else:
            kind = "char_frac" if params.get("count_characters", True) else "frac"
            name = f"dup_{params['granularity'][:4]}_{kind}"
        value = measured([case["page"]["text"]])[0][f"gopher_dclm.{name}"]
        assert (value <= params["max_fraction"]) == case["keep"], (case["page"]["text"], name, value)
