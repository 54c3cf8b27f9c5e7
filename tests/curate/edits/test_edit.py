"""The whole of it: offsets, counts, what is stored, and what happens where steps meet."""

from collections import defaultdict
from collections.abc import Callable
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.edits import Edit, EditsConfig, apply, difference
from curate.edits.edit import Edited, edit
from curate.edits.pii.kinds import KINDS

KEY = b"0123456789abcdef"
PAGE = (
    "Home > People\n\U0001f600 Write to jane.roe@uni-bonn.de.[1] It is urgent.[2]\n"
    "Mail sam@firm.co.uk | Terms\nSkip to content\n```\ncall a[1]\n```"
)


def by_document(result: Edited) -> dict[int, list[Edit]]:
    grouped = defaultdict(list)
    for change in result.edits:
        grouped[change.doc].append(change)
    return grouped


def test_a_page() -> None:
    result = edit([PAGE], ["en"], EditsConfig(), KEY)
    assert result.texts == ["\U0001f600 Write to <EMAIL>. It is urgent.\nMail <EMAIL> | Terms\n```\ncall a[1]\n```"]
    assert [(change.kind, PAGE[change.start : change.end]) for change in result.edits] == [
        ("line:navigation", "Home > People\n"),
        ("pii:email", "jane.roe@uni-bonn.de"),
        ("citation:mark", "[1]"),
        ("citation:mark", "[2]"),
        ("pii:email", "sam@firm.co.uk"),
        ("line:navigation", "Skip to content\n"),
    ]


def test_measures() -> None:
    measures = edit([PAGE, "", "one two\nSign in\n"], ["en"] * 3, EditsConfig(), KEY).measures
    assert measures["edits.lines_removed"].tolist() == [2, 0, 1]
    assert measures["edits.words_removed_frac"].tolist() == [6 / 21, 0, 0.5]
    assert measures["edits.chars_removed_frac"].tolist() == [(14 + 3 + 3 + 16) / len(PAGE), 0, 0.5]
    assert measures["edits.pii_email"].tolist() == [2, 0, 0]
    assert {f"edits.pii_{kind}" for kind in KINDS} < set(measures)


def test_flagged_finds_leave_the_text_and_are_counted(configured: Callable[..., EditsConfig]) -> None:
    result = edit(["to a@b.org"], ["en"], configured(pii={"email": "flag"}), KEY)
    assert result.texts == ["to a@b.org"]
    assert [(change.start, change.end, change.replacement) for change in result.edits] == [(3, 10, None)]
    assert result.measures["edits.pii_email"].tolist() == [1]


def test_values_are_not_stored(configured: Callable[..., EditsConfig]) -> None:
    (change,) = edit(["to A@b.org"], ["en"], configured(pii={"email": "replace"}), KEY).edits
    expected = blake2b(b"email\0a@b.org", key=KEY, digest_size=16, person=b"winnow.digest").hexdigest()
    assert change == Edit(0, "pii", "pii:email", 3, 10, None, expected, "<EMAIL>")


def test_removed_lines_are_stored_without_values_and_not_counted(configured: Callable[..., EditsConfig]) -> None:
    text = "Text.\nWe use cookies on this site, ask privacy@firm.com or +44 20 7946 1234."
    result = edit(
        [text], ["en"], configured(lines={"policy": "winnow"}, pii={"email": "flag", "phone": "replace"}), KEY
    )
    assert [change.removed for change in result.edits] == ["\nWe use cookies on this site, ask <EMAIL> or <PHONE>."]
    assert result.measures["edits.pii_email"].tolist() == [0]


def test_a_private_key_beats_the_lines_inside_of_it(configured: Callable[..., EditsConfig]) -> None:
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{'Ab1/' * 16}\n123456\n{'Zz9+' * 8}\n-----END RSA PRIVATE KEY-----"
    config = configured(lines={"digits": "winnow"}, pii={"private_key": "replace"})
    result = edit([f"12\n{key}\nend"], ["en"], config, KEY)
    assert result.texts == ["<PRIVATE_KEY>\nend"]
    assert [change.kind for change in result.edits] == ["line:digits", "pii:private_key"]


def test_the_same_value_has_the_same_digest_and_surrogate_everywhere(configured: Callable[..., EditsConfig]) -> None:
    config = configured(pii={"email": "surrogate"})
    texts = ["x@y.org", "Write X@Y.org or z@y.org"]
    one = edit(texts, ["en"] * 2, config, KEY).edits
    assert one[0].digest == one[1].digest != one[2].digest
    assert one[0].replacement == one[1].replacement != one[2].replacement
    assert [change[3:] for change in edit(texts[1:], ["en"], config, KEY).edits] == [change[3:] for change in one[1:]]
    assert edit(texts, ["en"] * 2, config, KEY[::-1]).edits[0].digest != one[0].digest


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_that_keeps_no_secret_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        edit(["a"], [None], EditsConfig(), key)


def test_a_long_key_is_taken() -> None:
    assert edit(["a@b.org"], [None], EditsConfig(), b"k" * 100).texts == ["<EMAIL>"]


def test_nothing_on_changes_nothing() -> None:
    result = edit([PAGE, ""], ["en", None], EditsConfig.off(), KEY)
    assert (result.texts, result.edits) == ([PAGE, ""], [])


def test_an_empty_batch() -> None:
    result = edit([], [], EditsConfig(), KEY)
    assert (result.texts, result.edits) == ([], [])
    assert all(len(values) == 0 for values in result.measures.values())


def test_the_batch_makes_no_difference() -> None:
    texts = [PAGE, "Sign in", "", "Tel. 030 1234567", PAGE * 2]
    together = edit(texts, ["en"] * 5, EditsConfig(), KEY)
    alone = [edit([text], ["en"], EditsConfig(), KEY) for text in texts]
    assert together.texts == [result.texts[0] for result in alone]
    assert [change[1:] for change in together.edits] == [change[1:] for result in alone for change in result.edits]
    for name, values in together.measures.items():
        assert np.array_equal(values, np.concatenate([result.measures[name] for result in alone]))


BITS = st.sampled_from(
    [
        *("\n", "\n\n", " ", "\r\n", "\u2028", "\U0001f4a9", "\ud800", "\0", "```\n", "    "),
        *("a@b.org", "jane (at) uni (dot) edu", "+49 30 901820", "Tel. (212) 736-5000", "2020-01-02", "8.8.8.8"),
        *(
            "2a00:1450:4001:81b::200e",
            "4929049941206325",
            "GB75RKJD46049068875686",
            "SSN 536-32-3065",
            "http://u:p4w@h.org",
        ),
        *(
            "AKIAQ3EGSLKMFVBTD5XZ",
            "-----BEGIN PRIVATE KEY-----",
            "MIIEvgIBADANBgkqhkiG9w0B",
            "-----END PRIVATE KEY-----",
        ),
        *(
            "Sign in",
            "Previous | Next",
            "We use cookies on our site",
            "word",
            "text.[1]",
            "[edit]",
            "... Read more",
            "٣",
            "١٢٣",
        ),
    ]
)
CONFIGS = st.sampled_from(
    [
        EditsConfig(),
        EditsConfig.model_validate({"pii": dict.fromkeys(KINDS, "surrogate")}),
        EditsConfig.model_validate({"pii": dict.fromkeys(KINDS, "flag"), "citations": "c4@tfds"}),
        EditsConfig.model_validate(
            {
                "citations": "c4@datatrove",
                "lines": {"few_words": "c4@datatrove", "policy": "c4@datatrove", "whitespace": "c4@datatrove"},
            }
        ),
        EditsConfig.model_validate({"lines": {"navigation": "refinedweb@dclm", "whitespace": "refinedweb@dclm"}}),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(BITS, max_size=12).map("".join), max_size=3), CONFIGS)
def test_edits_are_the_difference(texts: list[str], config: EditsConfig) -> None:
    result = edit(texts, ["en"] * len(texts), config, KEY)
    grouped = by_document(result)
    for doc, text in enumerate(texts):
        changes = grouped.get(doc, [])
        assert apply(text, changes) == result.texts[doc]
        assert all(one.end <= two.start for one, two in pairwise(changes))
        pieces = list(difference(result.texts[doc], changes))
        assert "".join(piece.after for piece in pieces) == result.texts[doc]
        at = 0
        for piece in pieces:
            width = piece.edit.end - piece.edit.start if piece.edit else len(piece.after)
            if piece.edit is None:
                assert piece.after == text[at : at + width]
            at += width
        assert at == len(text)
    assert [change.doc for change in result.edits] == sorted(change.doc for change in result.edits)
    for name, values in result.measures.items():
        assert len(values) == len(texts)
        assert not name.endswith("_frac") or ((values >= 0) & (values <= 1)).all()
