r"""The family `lexicon`: how often the entries of word lists stand in a text.

A hit is C4's: in lower case, an entry between characters that match `\W` or the ends of the text; in scripts without
spaces anywhere. Where the regular expression of C4 finds one match and goes on behind it, every place counts here; a
text without a match is the same text in both. A document is searched for the lists of its language and for those of
any language.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curate.measures import trie
from curate.measures.batch import Batch, lower, ratio
from curate.measures.line_facts import line_facts
from curate.measures.lists import ANY, NAMED, Lists
from curate.measures.registry import Measure

# Entries of the LDNOOBW lists that are common parts of other words, left out by C4 in the language named.
ALLOWED = {"ja": frozenset({"sm", "グロ", "女の子"}), "zh": frozenset({"性"})}


@dataclass
class Lexicons:
    """The lexicons of a run, ready to be searched for."""

    lists: Lists

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All lexicons: the named ones, then the user's others in alphabetical order."""
        return (*NAMED, *sorted(set(self.lists.lexicons) - set(NAMED)))

    @property
    def measures(self) -> list[Measure]:
        """The measures of lexicons that only the user's lists name."""
        others = self.names[len(NAMED) :]
        return [Measure(f"lexicon.{name}", "int64", f"matches of the {name} list") for name in others] + [
            Measure(f"lexicon.{name}_share", "float64", f"matches of the {name} list / words") for name in others
        ]

    @cached_property
    def _trie(self) -> trie.Trie:
        langs = {lang for words in self.lists.lexicons.values() for lang in words} | {ANY}
        return trie.build({lang: [self._words(name, lang) for name in self.names] for lang in sorted(langs)})

    def _words(self, name: str, lang: str) -> list[str]:
        by_lang = self.lists.lexicons.get(name, {})
        words = {*by_lang.get(ANY, ()), *by_lang.get(lang, ())}
        if name == "bad_words":
            words -= ALLOWED.get(lang, frozenset())
        return sorted(words)

    def __call__(self, batch: Batch) -> dict[str, NDArray[np.generic]]:
        """The family `lexicon`, without the family's name."""
        found = self._trie
        default = found.roots[ANY]
        roots = np.array([found.roots.get(lang or ANY, default) for lang in batch.langs], dtype=np.int64)
        separated = np.array([lang not in trie.UNSPACED for lang in batch.langs], dtype=np.bool_)
        starts = batch.once(line_facts).starts
        hits = trie.count(found, batch.segments.text, batch.once(lower), roots, separated, starts, len(self.names))
        words = np.diff(batch.segments.words_uax29.first)
        out: dict[str, NDArray[np.generic]] = dict(zip(self.names, hits, strict=True))
        return out | {f"{name}_share": ratio(hits[row], words) for row, name in enumerate(self.names)}
