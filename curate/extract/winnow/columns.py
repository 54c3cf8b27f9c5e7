"""The columns of a block's features: their names, where each group starts, and tags as numbers."""

from __future__ import annotations

import numpy as np

from curate.extract.winnow import names

VERSION = 3


def _words(text: str) -> list[str]:
    return text.split()


_OWN = _words("""
    chars words link_density links commas_rate ends_rate ends digits_rate capitals_rate function_rate wide_rate
    bars breaks bold_rate code_rate pre last first marks word_chars long_words_rate starts_link repeated_text
    tag parent_tag grandparent_tag depth is_only_child aside_rate aside aside_first years clocks
""")
_PLACE = _words("""
    block_at char_at long_before long_after after_h1 from_h1 same_path path_chars path_links path_share path_dated
    path_longest siblings sibling_chars sibling_links
""")
_LEVEL = _words("""
    density chars_share blocks mean_chars long_share long_rate
""")
LEVELS = 5
_NEAR = _words("""
    chars density long heading same_parent function
""")
_OFFSETS = (-3, -2, -1, 1, 2, 3)
_WINDOW = _words("""
    window3_long window3_density window10_long window10_density
""")
_PAGE = _words("""
    page_chars page_blocks page_long page_density page_wide page_paragraphs
""")
_BEST = _words("""
    in_best best_up best_share best_density in_climb best_distance
""")
_IN = _words("""
    article main nav header footer aside li table form figure figcaption blockquote dl button details noscript
    template section tr ul p heading
""")

NAMES: tuple[str, ...] = (
    *_OWN,
    *_PLACE,
    *(f"up{level}_{name}" for level in range(LEVELS) for name in _LEVEL),
    *(f"near{offset:+d}_{name}" for offset in _OFFSETS for name in _NEAR),
    *_WINDOW,
    *_PAGE,
    *_BEST,
    *(f"in_{name}" for name in _IN),
    *(f"own_{bit}" for bit in names.BITS),
    *(f"near_{bit}" for bit in names.BITS),
    *(f"far_{bit}" for bit in names.BITS),
)
COUNT = len(NAMES)
PLACE_AT = len(_OWN)
LEVEL_AT = PLACE_AT + len(_PLACE)
NEAR_AT = LEVEL_AT + LEVELS * len(_LEVEL)
WINDOW_AT = NEAR_AT + len(_OFFSETS) * len(_NEAR)
PAGE_AT = WINDOW_AT + len(_WINDOW)
BEST_AT = PAGE_AT + len(_PAGE)
IN_AT = BEST_AT + len(_BEST)
BITS_AT = IN_AT + len(_IN)
BITS = len(names.BITS)

# Tags as numbers that a threshold can part: containers, rows, paragraphs, headings, code.
_ORDER = _words("""
    body div section article main center td th li dd dt p blockquote pre listing xmp textarea h6 h5 h4 h3 h2 h1
    caption figcaption figure address aside header footer nav form button fieldset legend details dialog menu ul
    ol dl table thead tbody tfoot tr template noscript
""")
RANK = np.full(len(names.TAGS), len(_ORDER), np.float32)
for _rank, _name in enumerate(_ORDER):
    RANK[names.ID[_name]] = _rank
# Which `in_...` column an ancestor of a tag sets; -1: none.
COLUMN = np.full(len(names.TAGS), -1, np.int64)
for _rank, _name in enumerate(_IN):
    if _name in names.ID:
        COLUMN[names.ID[_name]] = _rank
for _level in range(1, 7):
    COLUMN[names.ID[f"h{_level}"]] = _IN.index("heading")
