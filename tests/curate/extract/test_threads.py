"""Made pages of forums: the same ones every time, and their truth is what stands in the posts."""

from curate.extract.learn.labels import by_text, texts_of
from curate.extract.learn.threads import threads
from curate.extract.winnow.analyse import analyse


def test_they_are_the_same_every_time() -> None:
    assert list(threads(1)) == list(threads(1)) != list(threads(1, seed=1))
    programs = [page.program for page in threads(2)]
    assert len(set(programs)) == len(programs) / 2 >= 10


def test_their_truth_stands_on_the_page_and_their_surroundings_do_not_count() -> None:
    for page in threads(1):
        texts = texts_of(analyse(page.html))
        share, size = by_text(texts, page.truth)
        said = sum(len(line.split()) for line in page.truth.split("\n"))
        assert sum(size[share >= 0.5]) >= 0.9 * said, page.program
        assert sum(size[share < 0.5]) >= 20, page.program
