"""Date and author: only what the page states, as a day and a name."""

import pytest

from curate.extract.metadata import find_metadata


@pytest.mark.parametrize(
    ("html", "date", "author"),
    [
        ('<meta property="article:published_time" content="2021-03-04T05:06:07Z">', "2021-03-04", None),
        ("<META NAME=date CONTENT='2020/1/2'><meta name=author content='A &amp; B'>", "2020-01-02", "A & B"),
        ('{"datePublished": "20190807", "author": {"@type": "Person", "name": "C D"}}', "2019-08-07", "C D"),
        ('<p><time datetime="2018-12-31T00:00">then</time>', "2018-12-31", None),
        ('<meta name=date content="2020-13-01"><meta name=author content="https://x.org/me">', None, None),
        ('<meta name="date" content="yesterday">', None, None),
        ("", None, None),
    ],
)
def test_stated(html: str, date: str | None, author: str | None) -> None:
    assert find_metadata(html) == (date, author)
