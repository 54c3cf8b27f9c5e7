"""What a page is (MIME) and what its bytes say (charset), and URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.charset import charset_of, clean, decode, header_charset
from curate.sources.mime import classify, is_html, media_type
from curate.sources.urls import clean_url, host_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


@pytest.mark.parametrize(
    ("declared", "body", "kind", "mime"),
    [
        ("text/html", b"<html>", "html", "text/html"),
        ("text/html", b"no markup at all", "html", "text/html"),
        ("text/html", PNG, None, "image/png"),
        ("text/html", b"%PDF-1.4", None, "application/pdf"),
        ("text/html", bytes(range(32)) * 10, None, "application/octet-stream"),
        ("text/html", b"<html>" + bytes(range(32)) * 2, "html", "text/html"),
        ("text/html", b"<?xml version='1.0'?><rss version='2.0'>", None, "application/rss+xml"),
        ("application/xhtml+xml", b"<?xml version='1.0'?><html>", "html", "application/xhtml+xml"),
        ("text/xml", b"<?xml version='1.0'?>\n<!DOCTYPE html><html>", "html", "application/xhtml+xml"),
        ("text/xml", b"<?xml version='1.0'?><feed>", None, "text/xml"),
        ("", b"\xef\xbb\xbf \n<!-- c --><!DOCTYPE html>", "html", "text/html"),
        ("", b"<p>A fragment", "html", "text/html"),
        ("", b"Plain words.", "text", "text/plain"),
        ("", PNG, None, "image/png"),
        ("text/plain", b"Plain words.", "text", "text/plain"),
        ("text/plain", b"<p> is the paragraph tag", "text", "text/plain"),
        ("text/plain", b"<!doctype html><p>", "html", "text/html"),
        ("text/plain", bytes(200), None, "application/octet-stream"),
        ("application/octet-stream", b"<html>", "html", "text/html"),
        ("application/octet-stream", b"words", None, "application/octet-stream"),
        ("application/json", b'{"a": 1}', None, "application/json"),
        ("image/svg+xml", b"<svg>", None, "image/svg+xml"),
        ("text/html", "<html>ä".encode("utf-16-le"), "html", "text/html"),
    ],
)
def test_classify(declared, body, kind, mime):
    assert classify(declared, body) == (kind, mime)


def test_media_type():
    assert media_type(" Text/HTML; charset=utf-8") == "text/html"
    assert media_type(None) == ""
    assert is_html(b"<html lang=en>") and not is_html(b"<htmlx>")


@pytest.mark.parametrize(
    ("data", "declared", "text", "charset"),
    [
        ("\ufeffä".encode(), "iso-8859-1", "ä", "utf-8"),
        ("\ufeffä".encode("utf-16-le"), None, "ä", "utf-16le"),
        ("\ufeffä".encode("utf-16-be"), None, "ä", "utf-16be"),
        ("<p>abcdä".encode("utf-16-le"), None, "<p>abcdä", "utf-16le"),
        ("ä".encode(), "iso-8859-1", "ä", "utf-8"),
        ("ä".encode("latin-1"), "iso-8859-1", "ä", "windows-1252"),
        (b"\x93x\x94", "latin1", "“x”", "windows-1252"),
        ("привет".encode("cp1251"), "windows-1251", "привет", "windows-1251"),
        ("привет".encode("koi8-r"), "koi8-r", "привет", "koi8-r"),
        (b'<meta charset="windows-1251">' + "привет".encode("cp1251"), None, None, "windows-1251"),
        (b'<meta charset="windows-1251">' + "привет".encode("cp1251"), "no-such", None, "windows-1251"),
        (b"<?xml version='1.0' encoding='koi8-r'?>" + "привет".encode("koi8-r"), None, None, "koi8-r"),
        ("日本語のページ".encode("cp932"), "x-sjis", "日本語のページ", "shift_jis"),
        ("日本語のページ".encode("iso2022_jp"), "iso-2022-jp", "日本語のページ", "iso-2022-jp"),
        ("中文网页".encode("gbk"), "gb2312", "中文网页", "gbk"),
        ("中文網頁".encode("big5"), "big5", "中文網頁", "big5"),
        ("한국어 페이지".encode("cp949"), "ks_c_5601-1987", "한국어 페이지", "euc-kr"),
        (b"plain", None, "plain", "utf-8"),
        (b"a\0b", None, "a\ufffdb", "utf-8"),
        ("Größe, Maß und Übung".encode() + b"\xe4", "utf-8", None, "utf-8"),
        (b"\xed\xa0\x80" + "ä".encode() * 50, "utf-8", "\ufffd" * 3 + "ä" * 50, "utf-8"),
    ],
)
def test_decode(data, declared, text, charset):
    got, name = decode(data, declared)
    assert name == charset
    if text is not None:
        assert got == text


def test_charset_is_found_without_any_declaration():
    russian = "Все люди рождаются свободными и равными в своём достоинстве и правах. " * 3
    assert decode(russian.encode("cp1251"), None) == (russian, "windows-1251")
    # A declaration of UTF-8 that the bytes contradict counts for nothing.
    assert decode(russian.encode("cp1251"), "utf-8") == (russian, "windows-1251")


@given(
    st.binary(max_size=300), st.sampled_from([None, "utf-8", "gbk", "shift_jis", "utf-16", "iso-2022-jp", "nonsense"])
)
def test_any_bytes_become_text_that_can_be_written(data, declared):
    text, charset = decode(data, declared)
    text.encode("utf-8")
    assert "\0" not in text
    assert charset


def test_clean():
    assert clean("a\0\ud800b\udfff") == "a\ufffd\ufffdb\ufffd"
    assert clean("plain") == "plain" and clean("ä𝄞") == "ä𝄞"


def test_labels():
    assert header_charset('text/html; Charset="UTF-8"') == "UTF-8"
    assert header_charset("text/html") is None and header_charset(None) is None
    assert [charset_of(label).name for label in ("latin1", "tis-620", "macintosh", "cp866")] == [
        "windows-1252", "windows-874", "macintosh", "ibm866",
    ]  # fmt: skip
    assert charset_of("utf-7") is None


@pytest.mark.parametrize(
    ("raw", "url", "host"),
    [
        ("http://Example.COM:8080/a?b#c", "http://Example.COM:8080/a?b#c", "example.com"),
        ("<http://example.com/a>", "http://example.com/a", "example.com"),
        ("http://example.com/a b\tc\n", "http://example.com/a%20bc", "example.com"),
        ("https://user:pass@example.com./", "https://user:pass@example.com./", "example.com"),
        ("https://Bücher.example/", "https://Bücher.example/", "xn--bcher-kva.example"),
        ("http://[2001:DB8::1]:80/", "http://[2001:DB8::1]:80/", "2001:db8::1"),
        ("http://..ä" + "x" * 80 + "/", "http://..ä" + "x" * 80 + "/", "ä" + "x" * 80),
        ("dns:example.com", "dns:example.com", None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_urls(raw, url, host):
    assert clean_url(raw) == url
    assert host_of(url) == host
