"""Write `data/spacy.npz`: what spaCy's blank English tokenizer answers, asked character by character.

Run in an environment that also has spaCy 3.8: `python -m curate.segment.build_spacy`. Nothing is read from spaCy's
source: each character class is found by putting every code point where a rule would look at it, each special case and
unit by listing what the tokenizer holds. `curate.segment.spacy_rules` names the bits.
"""

import sys
from collections.abc import Callable

import numpy as np
import spacy  # type: ignore[import-not-found, unused-ignore]  # a peer, present only where this script runs
from numpy.typing import NDArray
from spacy.lang.char_classes import LIST_UNITS  # type: ignore[import-not-found, unused-ignore]
from spacy.pipeline import Sentencizer  # type: ignore[import-not-found, unused-ignore]
from spacy.tokenizer import Tokenizer  # type: ignore[import-not-found, unused-ignore]

from curate.segment import spacy_rules as rules
from curate.segment.build_tables import ALL, runs

INERT = "\x01"  # a character that no rule of the tokenizer mentions


def table(test: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Table of a predicate over single characters."""
    return np.fromiter(map(test, ALL), dtype=np.bool_, count=len(ALL))


def character_bits(tokenizer: Tokenizer) -> NDArray[np.uint32]:
    """For every code point, the places of the tokenizer's rules that accept it."""

    def prefix(text: str, length: int) -> bool:
        return tokenizer.find_prefix(text) == length

    def suffix(text: str, length: int) -> bool:
        return tokenizer.find_suffix(text) == length

    def infix(text: str, at: int) -> bool:
        return any(match.span() == (at, at + 1) for match in tokenizer.infix_finditer(text))

    unit_last = {unit[-1] for unit in LIST_UNITS if unit}
    sentence_ends = set(Sentencizer.default_punct_chars)
    out = np.zeros(len(ALL), dtype=np.uint32)
    for bit, test in (
        (rules.PREFIX, lambda c: prefix(c + INERT, 1) and c != "+"),
        (rules.SUFFIX, lambda c: suffix(INERT + c, 1)),
        (rules.INFIX, lambda c: infix(INERT + c + INERT, 1)),
        (rules.LETTER, lambda c: infix(c + ",a", 1)),
        (rules.BEFORE_INNER_DOT, lambda c: infix(c + ".A", 1)),
        (rules.AFTER_INNER_DOT, lambda c: infix("a." + c, 1)),
        (rules.BEFORE_LAST_DOT, lambda c: suffix(INERT + c + ".", 1)),
        (rules.CAPITAL, lambda c: suffix(INERT + c + "A.", 1)),
        (
            rules.AFTER_DIGIT,
            lambda c: suffix(INERT + "5" + c, 1) and not suffix(INERT + c, 1) and c not in unit_last | {"."},
        ),
        (rules.DIGIT, lambda c: c in "0123456789"),
        (rules.UNIT_LAST, lambda c: c in unit_last),
        (rules.DOMAIN_END, lambda c: tokenizer.url_match("a." + c + c) is not None),
        (rules.WORD, lambda c: c == "_" or c.isalnum()),
        (rules.DECIMAL, str.isdecimal),
        (rules.SPACE, str.isspace),
        (rules.SENTENCE_END, lambda c: c in sentence_ends),
    ):
        out[table(test)] |= np.uint32(bit)
    return out


def special_cases(tokenizer: Tokenizer) -> dict[str, NDArray[np.generic]]:
    """The strings with a tokenization of their own, the lengths of their tokens, and the lengths of the tokens that
    the plain rules would give, for those that are also looked for across tokens."""
    plain = Tokenizer(
        tokenizer.vocab,
        prefix_search=tokenizer.prefix_search,
        suffix_search=tokenizer.suffix_search,
        infix_finditer=tokenizer.infix_finditer,
        url_match=tokenizer.url_match,
    )
    names = sorted(tokenizer.rules)
    pieces = np.zeros((len(names), 4), dtype=np.uint8)
    pattern = np.zeros((len(names), 12), dtype=np.uint8)
    for i, name in enumerate(names):
        lengths = [len(token.text) for token in tokenizer(name)]
        pieces[i, : len(lengths)] = lengths
        if tokenizer.find_prefix(name) or tokenizer.find_infix(name) or tokenizer.find_suffix(name) or " " in name:
            lengths = [len(token.text) for token in plain(name)]
            pattern[i, : len(lengths)] = lengths
    # Trailing NULs are not kept by numpy's fixed-width strings; no special case ends in one.
    return {"specials": np.array(names), "pieces": pieces, "pattern": pattern}


def main() -> None:
    """Ask the tokenizer and write the package data."""
    tokenizer = spacy.blank("en").tokenizer
    packed: dict[str, NDArray[np.generic]] = special_cases(tokenizer)
    packed["bits_starts"], packed["bits_values"] = runs(character_bits(tokenizer))
    packed["units"] = np.array(sorted({unit for unit in LIST_UNITS if unit}))
    np.savez_compressed(rules.PATH, **packed)  # type: ignore[arg-type]  # numpy's stub wants a bool for allow_pickle
    sys.stdout.write(f"{rules.PATH.name}: {rules.PATH.stat().st_size} bytes, spaCy {spacy.__version__}\n")


if __name__ == "__main__":
    main()
