"""Records that hold no page, or a page with nothing on it, as every crawl is full of, and what must become of each."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from dataclasses import dataclass

from curate.sample.transport import Transport, message, response

BOMB_BYTES = 40 << 20  # twice the body that the reader accepts by default
NESTED_TAGS = 3_000
HTML = "text/html; charset=utf-8"
SITES = (
    "www.lanternfield.example",
    "community.gridwell.example",
    "en.ridgepedia.example",
    "www.portlow-gazette.example",
)


@dataclass(frozen=True, slots=True)
class Odd:
    """A stored HTTP response, and the state that its record must end in."""

    key: str
    kind: str
    path: str  # with the host
    block: bytes
    state: str  # kept | dropped | failed | any
    rules: tuple[str, ...] = ()
    type: str = "response"


def odd_records(date: str) -> list[Odd]:
    """All of them, served at `date`."""
    return [*_statuses(date), *_empty(date), *_types(date), *_damaged(date), *_wordless(date)]


def _statuses(date: str) -> list[Odd]:
    moved = _html("Moved", '<p>The document has moved <a href="/">here</a>.</p>')
    lost = _html(
        "Page not found",
        "<p>The page that you are looking for has been moved, renamed, or never existed. Try the search, or go back to "
        "the home page and start from there. If you followed a link on our own site, please tell us about it.</p>",
    )
    found = []
    for status in (301, 302, 307, 308, 403, 404, 410, 429, 500, 503):
        site = SITES[status % 4]
        redirect = status < 400
        headers = [("Content-Type", HTML)] + ([("Location", f"https://{site}/")] if redirect else [])
        block = message(status, headers, moved if redirect else lost, date=date)
        kind = "redirect" if redirect else "error"
        found.append(Odd(f"status-{status}", kind, f"{site}/missing/{status}", block, "dropped", ("read.status",)))
    return found


def _empty(date: str) -> list[Odd]:
    bodies = {
        "empty-200": message(200, [("Content-Type", HTML)], b"", date=date),
        "empty-blank": message(200, [("Content-Type", HTML)], b" \r\n\t\r\n", date=date),
        "empty-204": message(204, [], b"", date=date),
        "empty-gzip": response(b"", Transport(encoding="gzip"), date=date),
    }
    return [
        Odd(key, "empty", f"www.webharbour.example/{key}", block, "dropped", ("read.empty_body",))
        for key, block in bodies.items()
    ]


def _types(date: str) -> list[Odd]:
    """Things that are no text, most of them declared as what they are, some as HTML."""
    picture = png()
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(picture), 22) + picture
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>'
    paper = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
    feed = (
        b'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>Lanternfield</title>'
        b"<item><title>Tides</title></item></channel></rss>"
    )
    sitemap = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        b"<url><loc>https://www.lanternfield.example/</loc></url></urlset>"
    )
    script = b"(function(){'use strict';var menu=document.querySelector('.menu');menu.hidden=true;}());\n"
    data = json.dumps({"items": [{"id": 1, "title": "Kettle"}, {"id": 2, "title": "Sock"}], "next": None}).encode()
    things = [
        ("logo.png", "image/png", picture),
        ("photo.jpg", "image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"),
        (
            "dot.gif",
            "image/gif",
            b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
        ),
        ("favicon.ico", "image/x-icon", icon),
        ("rule.svg", "image/svg+xml", drawing),
        ("minutes.pdf", "application/pdf", paper),
        ("site.css", "text/css", b"body{margin:0;font:16px/1.5 serif}nav ul{list-style:none}\n"),
        ("menu.js", "application/javascript", script),
        ("items.json", "application/json", data),
        ("feed", "application/rss+xml", feed),
        ("sitemap.xml", "application/xml", sitemap),
        ("clip.mp4", "video/mp4", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"),
        ("picture", HTML, picture),
        ("paper", HTML, paper),
        ("news-feed", HTML, feed),
        ("download", "application/octet-stream", bytes(range(256)) * 4),
    ]
    return [
        Odd(
            f"type-{name}", "lying" if declared == HTML else "media", f"www.lanternfield.example/files/{name}",
            message(200, [("Content-Type", declared)], body, date=date), "dropped", ("read.mime",),
        )
        for name, declared, body in things
    ]  # fmt: skip


def _damaged(date: str) -> list[Odd]:
    """Bodies that cannot be decoded."""
    squeezed = bytearray(gzip.compress(_html("Ledger", "<p>Nine hundred lines of numbers.</p>" * 50), 6, mtime=0))
    squeezed[12:40] = b"\xff" * 28
    bomb = gzip.compress(b"<html>" + bytes(BOMB_BYTES), 9, mtime=0)
    headers = [("Content-Type", HTML), ("Content-Encoding", "gzip")]
    return [
        Odd(
            "damaged-gzip",
            "damaged",
            "www.webharbour.example/ledger",
            message(200, headers, bytes(squeezed), date=date),
            "failed",
        ),
        Odd("bomb", "bomb", "www.webharbour.example/archive/all", message(200, headers, bomb, date=date), "failed"),
    ]


def _wordless(date: str) -> list[Odd]:
    """HTML that holds no text, hardly any, or so many tags that no parser should be asked to build their tree."""
    shell = (
        b'<!doctype html><html><head><title>App</title><script>window.__STATE__={"route":"/"};</script></head><body>'
        b"<noscript>You need to enable JavaScript to run this app.</noscript>"
        b'<div id="root"></div>'
        b'<script src="/static/js/main.7a1c.js"></script></body></html>'
    )
    frames = (
        b'<HTML><HEAD><TITLE>Welcome</TITLE></HEAD><FRAMESET COLS="20%,80%">'
        b'<FRAME SRC="menu.html"><FRAME SRC="main.html">'
        b"<NOFRAMES>Your browser does not support frames.</NOFRAMES></FRAMESET></HTML>"
    )
    refresh = b'<html><head><meta http-equiv="refresh" content="0; url=https://www.webharbour.example/new/"></head><body></body></html>'
    deep = b"<html><body>" + b"<div>" * NESTED_TAGS + b"bottom" + b"</div>" * NESTED_TAGS + b"</body></html>"
    robots = (
        b"User-agent: *\nDisallow: /cart\nDisallow: /search\nSitemap: https://shop.brindlewick.example/sitemap.xml\n"
    )
    bodies = {
        "bare-html": (HTML, b"<html></html>", "dropped"),
        "only-comments": (
            HTML,
            b"<!-- built 2024-05-31 --><html><body><!-- nothing here yet --></body></html>",
            "dropped",
        ),
        "app-shell": (HTML, shell, "dropped"),
        "frameset": (HTML, frames, "dropped"),
        "meta-refresh": (HTML, refresh, "dropped"),
        "robots.txt": ("text/plain", robots, "dropped"),
        "nested-tags": (HTML, deep, "any"),
    }
    return [
        Odd(
            key,
            "wordless",
            f"www.webharbour.example/{key}",
            message(200, [("Content-Type", kind)], body, date=date),
            state,
        )
        for key, (kind, body, state) in bodies.items()
    ]


def _html(title: str, body: str) -> bytes:
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>".encode()
    )


def png(width: int = 3, height: int = 2) -> bytes:
    """A small grey PNG image."""
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
