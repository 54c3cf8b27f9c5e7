"""One form of an address: what is left out, what must stay, and that the form is final."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.duplicates.urls import normalise_url, url_keys

HOME = "http://example.com"
MD5 = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "HTTPS://WWW.Example.COM",
        "https://www.www.example.com:443/",
        "http://example.com.:80",
        "http://user:secret@example.com:0080/#top",
        "http://example.com/index.html",
        "http://example.com/Index.PHP?utm_source=x&UTM_Medium=y",
        "http://example.com/default.aspx/index.htm/",
        "http://example.com/a/../b/./..",
        "http://example.com/../..//.",
        "http://example.com/?",
        "http://example.com/?&&#!",
        "http://example.com/?fbclid=1&amp;gclid=2",
        f"http://example.com/?PHPSESSID=1&sid={MD5}&s={MD5}&ASPSESSIONIDQX=1",
        "http://example.com/index.jsp;jsessionid=0A1B.node2",
        "http://example.com/(S(abcdefghijklmnopqrstuvwx))/",
        r"http:\\example.com\index.html",
        " http://example.com \n",
    ],
)
def test_one_page_under_many_addresses(url: str) -> None:
    assert normalise_url(url) == HOME


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.com/A%7eb/%c3%a9t%E9", "http://example.com/A~b/%C3%A9t%E9"),
        ("http://example.com/été x|y%", "http://example.com/%C3%A9t%C3%A9%20x%7Cy%25"),
        ("http://example.com/%2e%2E/a%2Fb", "http://example.com/a%2Fb"),
        ("http://example.com/a//b///c/", "http://example.com/a/b/c"),
        ("http://example.com/a//../b", "http://example.com/a/b"),
        ("http://example.com/?b=2&a=1&b=1", "http://example.com?a=1&b=2&b=1"),
        ("http://example.com/?q=a+b&x[]=1", "http://example.com?q=a%20b&x%5B%5D=1"),
        ("http://example.com/#!/page", "http://example.com#!/page"),
        ("http://example.com/a;v=1;jsessionid=2/b", "http://example.com/a;v=1/b"),
        ("http://bücher.example/", "http://xn--bcher-kva.example"),
        ("http://STRASSE.example/", "http://strasse.example"),
        ("http://straße.example/", "http://straße.example"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
        ("http://www.com/", "http://www.com"),
    ],
)
def test_forms(url: str, normal: str) -> None:
    assert normalise_url(url) == normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.com/a", "http://example.com/A"),
        ("http://example.com/?id=1", "http://example.com/?id=2"),
        ("http://example.com/?page=1", "http://example.com/"),
        ("http://example.com/?ref=main", "http://example.com/?ref=dev"),
        ("http://example.com/modules.php?sid=123", "http://example.com/modules.php?sid=124"),
        ("http://example.com/?s=cats", "http://example.com/?s=dogs"),
        ("http://example.com/?a=1&a=2", "http://example.com/?a=2&a=1"),
        ("http://example.com/a%2Fb", "http://example.com/a/b"),
        ("http://example.com/?q=1%2B1", "http://example.com/?q=1+1"),
        ("http://example.com/#!/a", "http://example.com/#!/b"),
        ("http://example.com:8080/", "http://example.com/"),
        ("http://blog.example.com/", "http://example.com/"),
        ("http://example.com/index.html", "http://example.com/home.html"),
        ("http://example.com/(a(b))/c", "http://example.com/c"),
        ("http://example.com/", "ftp://example.com/"),
    ],
)
def test_what_may_choose_content_stays(one: str, other: str) -> None:
    assert normalise_url(one) != normalise_url(other)


@pytest.mark.parametrize(
    "url", ["urn:isbn:1", "ftp://Example.com/", "a/b.html", "http:///a", "http://a b/", "http://a:b/"]
)
def test_what_is_no_http_address_stands_as_it_is(url: str) -> None:
    assert normalise_url(url) == url


@pytest.mark.parametrize("url", [None, "", " \n"])
def test_none(url: str | None) -> None:
    assert normalise_url(url) is None


def test_keys() -> None:
    keys = url_keys(["http://example.com/", None, "https://www.example.com/index.html", "http://example.com/a", ""])
    assert keys.shape == (5, 2)
    assert keys[0].tolist() == keys[2].tolist() != keys[3].tolist()
    assert keys[1].tolist() == keys[4].tolist() == [0, 0]


PIECES = st.sampled_from(
    [*"aB0/\\?#!&=;:@%.éßς[]+ \u2024\u3000\ud800", "..", "//", "#!", "&amp;", "%41", "%2e", "%2F", "%25", "%e9", "www.",
     "index.html", "utm_x", "sid", "jsessionid", MD5, "(S(abcdefghijklmnopqrstuvwx))", "80", "443", "xn--"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map(lambda pieces: "http://" + "".join(pieces)) | st.text(max_size=20))
@example("http://a.b/;utm_x/..")
@example("http://é..")
@settings(max_examples=800)
def test_the_form_is_final(url: str) -> None:
    normal = normalise_url(url)
    assert normalise_url(normal) == normal
