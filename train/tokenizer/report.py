"""What a tokenizer does to a text: compression by language and domain, tokens in use, strings that must come back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from train.data.blocks import Document
from train.tokenizer.tokenizer import Tokenizer
from workbench import html, plots

SAMPLE_BYTES = 32 << 20  # of text that is measured
UNNAMED = "(none)"
_BATCH = 256
_SHOWN = 20
_BARS = 24

HOSTILE = {
    "NUL": "a\x00b\x00",
    "control characters": "".join(map(chr, range(32))) + "\x7f",
    "every byte as a character": "".join(map(chr, range(256))),
    "lone bidirectional marks": "\u202e\u2066abc\u200f\u061c",
    "emoji joined by ZWJ": "👩‍👩‍👧‍👦👨🏽‍🚀🏳️‍🌈",
    "line ends": "a\r\nb\rc\n\n\r\n\u2028d\u2029e\u0085f",
    "blanks": " a  b\u00a0c\u3000d\u200be \t \n  ",
    "indentation": "def f():\n    if x:\n\t\treturn  1\n        \n",
    "stacked marks": "Z̷̡̛̖̗a̴̢̛l̵̨̛g̶̡̛o̷̢̧",
    "not normalised": "é é ﬁ Å Å ｱ",
    "byte order mark": "\ufeffa\ufeff",
    "scripts without blanks": "你好，世界。こんにちは、世界。สวัสดีชาวโลก",
    "right to left": "مرحبا بالعالم שלום עולם",
    "marks of a script": "क्षत्रिय நிலையம் မြန်မာ",
    "astral and private": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010ffff \ue000 \uffff",
    "a long number": "31415926535" * 1_000,
    "a long line": "loremipsum" * 10_000,
    "nothing": "",
}


@dataclass
class Report:
    """groups: a row for each language and domain (columns `by` and `value`; by `all`: one row) with sums and ratios.
    vocabulary: a row a token, how often the measured text used it. failed: what did not come back as it was, by name.
    """

    groups: pl.DataFrame
    vocabulary: pl.DataFrame
    failed: list[str] = field(default_factory=list)

    @property
    def unused(self) -> int:
        """How many tokens, special ones aside, the measured text did not use."""
        return self.vocabulary.filter(~pl.col("special") & (pl.col("count") == 0)).height

    def data(self) -> dict[str, Any]:
        """The report as JSON-able values: `report.json`, and what the command says."""
        words = self.vocabulary.filter(~pl.col("special"))
        unused = words.filter(pl.col("count") == 0)
        longest = words.sort("bytes", "id", descending=[True, False]).head(_SHOWN)
        return {
            "vocabulary": self.vocabulary.height,
            "special": self.vocabulary.height - words.height,
            "unused": self.unused,
            "unused_tokens": unused.head(_SHOWN)["text"].to_list(),
            "longest_tokens": longest.select("id", "text", "bytes", "count").to_dicts(),
            "groups": self.groups.to_dicts(),
            "round_trip_failed": self.failed,
        }

    def picture(self) -> str:
        """Bars of bytes per token, for the languages and domains with the most text."""
        items = []
        for by in ("lang", "domain"):
            ranked = self.groups.filter(pl.col("by") == by).sort("bytes", "value", descending=[True, False]).head(_BARS)
            items += [
                (str(value), float(ratio)) for value, ratio in ranked.select("value", "bytes_per_token").iter_rows()
            ]
        drawn = plots.bars(items, "bytes per token, by language and domain")
        return drawn.replace(">", f">{html.style()}", 1) + "\n"  # a picture of its own needs the colours in it


def measure(tokenizer: Tokenizer, documents: Iterable[Document]) -> Report:
    """Encode the documents once and count; every one, and every hostile string, must decode to itself."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(_SUMS))
    used = np.zeros(tokenizer.size, np.int64)
    changed = 0
    for batch in _batches(documents):
        texts = [one.text or "" for one in batch]
        for one, text, ids in zip(batch, texts, tokenizer.encode_batch(texts), strict=True):
            used += np.bincount(ids, minlength=tokenizer.size)
            changed += tokenizer.decode(ids) != text
            own = (1, len(text.encode()), len(text), len(text.split()), len(ids))
            for key in (("all", "all"), ("lang", one.lang or UNNAMED), ("domain", one.domain or UNNAMED)):
                sums[key] = [before + new for before, new in zip(sums[key], own, strict=True)]
    rows = [(*key, *values) for key, values in sums.items()]
    groups = pl.DataFrame(rows, ["by", "value", *_SUMS], orient="row").with_columns(
        bytes_per_token=pl.col("bytes") / pl.col("tokens"),
        chars_per_token=pl.col("chars") / pl.col("tokens"),
        tokens_per_word=pl.when(pl.col("words") > 0).then(pl.col("tokens") / pl.col("words")),
    )
    order = pl.col("by").replace_strict({"all": 0, "lang": 1, "domain": 2})
    groups = groups.sort(order, -pl.col("bytes"), "value")
    failed = round_trip(tokenizer) + ([f"{changed} of the documents"] if changed else [])
    return Report(_known(groups), _vocabulary(tokenizer, used), failed)


_SUMS = ("documents", "bytes", "chars", "words", "tokens")


def _known(groups: pl.DataFrame) -> pl.DataFrame:
    """Without a breakdown that says nothing: one whose only value is that there is none."""
    named = groups.filter(pl.col("value") != UNNAMED)["by"].unique()
    return groups.filter(pl.col("by").is_in(named.implode()))


def round_trip(tokenizer: Tokenizer) -> list[str]:
    """The names of the hostile strings that do not decode to themselves; text that spells a special token is one."""
    cases = {**HOSTILE, **{f"the text {name}": f"a{name}b {name}" for name in tokenizer.specials}}
    encoded = tokenizer.encode_batch(list(cases.values()))
    return [
        name
        for (name, text), ids in zip(cases.items(), encoded, strict=True)
        if tokenizer.decode(ids, skip_special=True) != text
    ]


def _vocabulary(tokenizer: Tokenizer, used: np.ndarray[Any, np.dtype[np.int64]]) -> pl.DataFrame:
    """A row a token: id, text (as it decodes alone), bytes, whether it is special, count."""
    special = set(tokenizer.specials.values())
    rows = []
    for number in range(tokenizer.size):
        token = tokenizer.token(number)
        if token is not None:
            text = tokenizer.decode([number], skip_special=False)
            length = len(token.encode()) if number in special else len(token)  # byte-level: one character a byte
            rows.append((number, text, length, number in special, int(used[number])))
    return pl.DataFrame(rows, ["id", "text", "bytes", "special", "count"], orient="row")


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    held: list[Document] = []
    for one in documents:
        held.append(one)
        if len(held) == _BATCH:
            yield held
            held = []
    if held:
        yield held
