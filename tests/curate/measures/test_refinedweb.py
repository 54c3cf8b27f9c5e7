"""The families `refinedweb` and `refinedweb_olmo3` against the line modifiers of the two programs, restated."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.segment import Segments, surfaces

COUNTER = re.compile(
    r"^\W*\d(?:,|\.|\d)*(?:K|k|M|m|B|b)?\s+(?:likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes"
    r"|downloads|views|followers)\W*$"
)
CUTS = (r"\s?items in cart", r"\s?read more...$", r"^sign-in\s?")
LINES = [
    "A plain line of the text", "ALL CAPS", "Half CAPS", "12345", " 12345", "²³", "3 likes", "1,234 VIEWS!",
    "(5k  Shares)", "3 comments on this", "one", "", " ", "2 items in cart", "Items In Cart now", "xitems in carty",
    "and so on Read more...", "read more", "read moreXYZ", "Sign-in now please", "sign-in", "a sign-in",
    "\u00a0NBSP word", "two words", "１２３", "a b c d e f g h i j items in cart", "Read more... and more",
    "3\u00a0likes", "٣ likes", "3 likes likes",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(LINES), max_size=14).map("\n".join)


def fasttext_words(text: str) -> int:
    return sum(token[0].isalnum() for token in re.split(r"[ \t\n\v\f\r\0]+", text) if token)


def dclm(text: str) -> tuple[float, float]:
    """Words before and after DCLM's corrections."""

    def keep(text: str, test) -> str:
        return "\n".join(line for line in text.split("\n") if not line or test(line))

    before = fasttext_words(text)
    text = keep(text, lambda line: sum(map(str.isupper, line)) / len(line) <= 0.5).strip()
    text = keep(text, lambda line: sum(map(str.isdigit, line)) / len(line) <= 0.999999).strip()
    text = "\n".join(line for line in text.split("\n") if not COUNTER.search(line.lower())).strip()
    text = keep(text, lambda line: len(line.split()) >= 2)
    for cut in CUTS:
        lines = [re.sub(cut, "", line, flags=re.I) if len(line.split()) <= 10 else line for line in text.split("\n")]
        text = "\n".join(lines).strip()
    return before, fasttext_words(text)


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_words_removed_are_those_dclm_removes(measured, text: str) -> None:
    before, after = dclm(text)
    expected = (before - after) / before if before else 0.0
    assert measured([text])[0]["refinedweb.removed_word_frac"] == expected


def olmo3(text: str) -> tuple[int, int]:
    """Words before and after datamap-rs' corrections, as its code runs."""

    def words(text: str) -> list[str]:
        view = Segments([text])
        return surfaces(view.text, view.words_uax29, 0)

    def keeps(line: str) -> bool:
        size = len(line.encode())
        return not line or (
            sum(map(str.isupper, line)) / size <= 0.5
            and sum(c in "0123456789" for c in line) / size <= 0.999999
            and not COUNTER.search(line.lower())
            and len(words(line)) >= 2
        )

    lines = [line for line in text.split("\n") if keeps(line)]
    cuts = ((r"\s?items in cart\s?", " "), (r"\s?Read more...$", ""), (r"^Sign-in\s?", ""))
    for cut, replacement in cuts:
        lines = [re.sub(cut, replacement, line) for line in lines]
    return len(words(text)), len(words("\n".join(lines)))


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_words_removed_are_those_datamap_removes(measured, text: str) -> None:
    before, after = olmo3(text)
    expected = (before - after) / before if before else 0.0
    assert measured([text])[0]["refinedweb_olmo3.removed_word_frac"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("line", "measure"),
    [
        ("SHOUTED LINE of it", "upper_line_frac"),
        ("20261121", "digit_line_frac"),
        ("12K likes!", "counter_line_frac"),
        ("alone", "one_word_line_frac"),
        ("2 items in cart", "cut_line_frac"),
    ],
)
def test_each_line_counts_for_the_first_correction_that_hits_it(measured, line: str, measure: str) -> None:
    (row,) = measured([f"A plain line stands here.\n\n{line}\nAnother plain line here."])
    for family in ("refinedweb", "refinedweb_olmo3"):
        hit = {
            name
            for name, value in row.items()
            if name.startswith(f"{family}.") and name.endswith("line_frac") and value
        }
        assert f"{family}.{measure}" in hit
        assert hit <= {f"{family}.{measure}", f"{family}.removed_line_frac"}
        assert row[f"{family}.{measure}"] == 1 / 3
        assert row[f"{family}.lines"] == 3
