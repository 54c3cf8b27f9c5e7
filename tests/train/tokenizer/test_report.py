"""The report counts what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_tokenizers import small_tokenizer

from train.data.blocks import Document
from train.tokenizer.report import measure
from train.tokenizer.tokenizer import FILE, Tokenizer

ENGLISH = "The quick brown fox"
CHINESE = "敏捷的"


def test_bytes_per_token_by_language_and_domain() -> None:
    tokenizer = small_tokenizer()
    report = measure(
        tokenizer,
        [
            Document("a", ENGLISH, "x:0", lang="en", domain="animals"),
            Document("b", ENGLISH, "x:1", lang="en"),
            Document("c", CHINESE, "x:2", lang="zh"),
        ],
    )
    rows = {(row["by"], row["value"]): row for row in report.groups.to_dicts()}
    assert set(rows) == {
        ("all", "all"),
        ("lang", "en"),
        ("lang", "zh"),
        ("domain", "animals"),
        ("domain", "(none)"),
    }
    tokens = len(tokenizer.encode(ENGLISH))
    english = rows["lang", "en"]
    assert (english["documents"], english["bytes"], english["words"]) == (2, 38, 8)
    assert english["bytes_per_token"] == 19 / tokens and english["tokens_per_word"] == tokens / 4
    assert rows["lang", "zh"]["chars_per_token"] == 3 / len(tokenizer.encode(CHINESE))
    assert report.vocabulary["count"].sum() == rows["all", "all"]["tokens"]
    assert report.failed == []


def test_longest_and_unused_tokens() -> None:
    tokenizer = small_tokenizer()
    report = measure(tokenizer, [Document("a", ENGLISH, "x:0")])
    data = report.data()
    used = len(set(tokenizer.encode(ENGLISH)))
    assert data["unused"] == tokenizer.size - len(tokenizer.specials) - used
    sizes = [one["bytes"] for one in data["longest_tokens"]]
    assert sizes == sorted(sizes, reverse=True)
    for one in data["longest_tokens"]:
        if "\ufffd" not in one["text"]:
            assert len(one["text"].encode()) == one["bytes"]
    assert [row["by"] for row in report.groups.to_dicts()] == ["all"]  # no language, no domain is known
    assert "<svg" in report.picture()


def test_a_tokenizer_that_loses_text_is_told(tmp_path: Path) -> None:
    small_tokenizer().save(tmp_path)
    file = tmp_path / FILE
    lossy = file.read_text().replace('"normalizer": null', '"normalizer": {"type": "Lowercase"}')
    file.write_text(lossy)
    report = measure(Tokenizer.open(tmp_path), [Document("a", "ABC", "x:0"), Document("b", "abc", "x:1")])
    assert "1 of the documents" in report.failed and "every byte as a character" in report.failed


@pytest.mark.parametrize("text", ["", "\x00"])
def test_texts_without_words(text: str) -> None:
    rows = measure(small_tokenizer(), [Document("a", text, "x:0"), Document("b", "a", "x:1")]).groups.to_dicts()
    assert rows[0]["documents"] == 2
