"""Labels, scores and the gold set that holds no text."""

import numpy as np
import pytest

from curate.extract.learn.labels import SILVER_WEIGHT, SURE_WEIGHT, by_segments, by_text
from curate.extract.learn.pages import _page, entry, hash_of
from curate.extract.learn.score import page_shares, score_segments
from curate.extract.learn.sites import Rule, SitePage, main_text, rule_of
from curate.extract.learn.sources import site_of


def test_blocks_are_labelled_by_shingles() -> None:
    texts = ["Home", "the cat sat on the mat", "Home", "and then it", "left", "quite another text here"]
    share, size = by_text(texts, "The cat. the cat sat on the mat and then it left")
    assert share.tolist() == [0, 1, 0, 1, 1, 0] and size.tolist() == [1, 6, 1, 3, 1, 4]


def test_segments_are_sure_and_the_rest_is_silver() -> None:
    texts = ["this must be in the text", "this must not be in it", "what the others agree on is fine"]
    share, _, weight = by_segments(texts, ["must be in"], ["must not be"], texts[2], texts[2])
    assert share.tolist() == [1, 0, 1]
    assert weight.tolist() == [SURE_WEIGHT, SURE_WEIGHT, SILVER_WEIGHT]


def test_scores() -> None:
    assert page_shares("a b c d e", "a b c d") == (0.5, 1.0)
    assert page_shares("", "a") == (-1.0, 0.0)
    found = score_segments(["one two", "three"], [(["one"], ["two"]), (["four"], ["five"])])
    assert (found["precision"], found["recall"], found["accuracy"]) == (0.5, 0.5, 0.5)


RULE = Rule(prefix="http://x.org/a/", kind="docs", take=[".none", "#text"], drop=["nav", ".no"])
PAGE = (
    "<body><nav>Menu of it</nav><p>again</p><div id=text><nav>inner menu</nav><h1>Head line</h1>"
    "<p>some words of a paragraph</p><p class=no>dropped</p><p>again</p></div><p>a footer that is long</p>"
)


def test_rules_by_site() -> None:
    assert rule_of("http://x.org/a/b", [RULE]) is RULE and rule_of("http://x.org/", [RULE]) is None
    assert main_text(PAGE, RULE) == "Head line\nsome words of a paragraph\nagain"


def test_a_gold_page_is_put_together_from_hashes() -> None:
    page = SitePage("id", "http://x.org/a/b", "x.org", "docs", None, PAGE, main_text(PAGE, RULE))
    line = entry(page)
    assert line["blocks"] == [hash_of(text) for text in page.truth.split("\n")]
    found = _page(line, PAGE, "x.org")
    assert found.truth == page.truth and found.found == 1.0
    assert _page({**line, "blocks": ["0", *line["blocks"]]}, PAGE, "x.org").found == pytest.approx(0.75)


def test_sites_are_on_one_side_of_a_split() -> None:
    assert site_of("https://www.news.example.co.uk/x") == "example.co.uk" == site_of("example.co.uk")
    assert site_of("http://a.b.example.org/") == "example.org"


def test_weights_have_no_holes() -> None:
    share, size = by_text([], "text")
    assert share.shape == size.shape == (0,) and np.isfinite(share).all()
