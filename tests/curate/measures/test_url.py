"""The family `url`."""

from pathlib import Path

import pytest

from curate.measures import Lists, load_lists

NOTHING = Lists()


@pytest.mark.parametrize(
    ("url", "measure", "value"),
    [
        (None, "length", 0),
        ("", "host_length", 0),
        ("https://www.Example.org/a/b/?x=1&y=2#z", "length", 38),
        ("https://www.Example.org/a/b/?x=1&y=2#z", "host_length", 15),
        ("https://www.example.org/a/b/?x=1&y=2#z", "path_depth", 2),
        ("https://www.example.org/a/b/?x=1&y=2#z", "parameters", 2),
        ("https://www.example.org/", "subdomains", 0),
        ("https://a.b.example.co.uk/", "subdomains", 2),
        ("https://a.b.example.de/", "subdomains", 2),
        ("https://my-cheap-shop.example/", "hyphens", 2),
        ("http://user:secret@192.168.0.1:8080/x", "is_ip", 1),
        ("http://[2001:db8::1]/x", "is_ip", 1),
        ("http://1.2.3.4.example/", "is_ip", 0),
        ("http://123ab.de/", "digit_share", 3 / 8),
        ("not a url", "path_depth", 0),
    ],
)
def test_the_shape_of_a_url(measured, url: str | None, measure: str, value: float) -> None:
    assert measured(["text"], urls=[url])[0][f"url.{measure}"] == value


@pytest.mark.parametrize(
    ("url", "blocked"),
    [
        ("https://blocked.com/x", 1),
        ("https://www.blocked.com:443/x", 1),
        ("https://sub.blocked.com/x", 1),
        ("https://BLOCKED.com", 1),
        ("https://unblocked.com/", 0),
        ("https://blocked.com.example/", 0),
        ("https://bad.nice.com/", 1),
        ("https://nice.com/", 0),
    ],
)
def test_a_blocked_domain_blocks_its_subdomains(measured, url: str, blocked: int) -> None:
    lists = Lists(domains=frozenset({"blocked.com", "bad.nice.com"}))
    assert measured(["text"], lists=lists, urls=[url])[0]["url.blocked_domain"] == blocked


@pytest.mark.parametrize(
    ("url", "blocked"),
    [
        ("http://host.org/bad", 1),
        ("https://www.host.org/bad/", 1),
        ("https://host.org/bad/page?x=1", 1),
        ("https://host.org/bad?x=1", 1),
        ("https://host.org/badge", 0),
        ("https://host.org/", 0),
        ("https://host.org/q?id=5", 1),
        ("https://host.org/q?id=6", 0),
    ],
)
def test_a_blocked_url_blocks_what_is_below_it(measured, url: str, blocked: int) -> None:
    lists = Lists(urls=frozenset({"host.org/bad", "host.org/q?id=5"}))
    assert measured(["text"], lists=lists, urls=[url])[0]["url.blocked_url"] == blocked


def test_words_of_a_url_in_any_case(measured) -> None:
    lists = Lists(
        banned_words=frozenset({"porn"}), soft_words=frozenset({"cam", "chat"}), banned_subwords=frozenset({"xxxvideo"})
    )
    (row,) = measured(["text"], lists=lists, urls=["https://a.org/Porn/CAM-chat/xxx-Video_cam"])
    assert (row["url.banned_words"], row["url.soft_words"], row["url.banned_subwords"]) == (1, 2, 1)
    (row,) = measured(["text"], lists=lists, urls=["https://pornography.org/camera"])
    assert (row["url.banned_words"], row["url.soft_words"], row["url.banned_subwords"]) == (0, 0, 0)


def test_lists_in_the_ut1_format(shared_data: Path, measured) -> None:
    folder = shared_data / "blocklists" / "ut1"
    lists = load_lists(
        domains=[str(folder / "gambling.domains.txt")], urls=[str(folder / "gambling.urls.txt")],
        banned_words=[str(folder / "dating.domains.txt")],
    )  # fmt: skip
    domain, url = sorted(lists.domains)[0], sorted(lists.urls)[0]
    rows = measured(
        ["a", "b", "c"], lists=lists, urls=[f"https://www.{domain}/page", f"http://{url}/x", "https://a.org/"]
    )
    assert [row["url.blocked_domain"] for row in rows] == [1, 0, 0]
    assert [row["url.blocked_url"] for row in rows] == [0, 1, 0]
    assert len(lists.digests) == 3
