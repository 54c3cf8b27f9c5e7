"""Whatever comes in, each record gives a row, and nothing crashes."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import polars as pl
from whole_run import curate, table


def warc(*responses: tuple[str, bytes]) -> bytes:
    """A gzip member for each (URL, HTTP message)."""
    members = []
    for number, (url, message) in enumerate(responses):
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{number:012d}>\r\n"
            f"WARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(message)}\r\n\r\n"
        )
        members.append(gzip.compress(head.encode() + message + b"\r\n\r\n", mtime=0))
    return b"".join(members)


def page(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/html; charset=utf-8", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


GOOD = "<html><body><article>" + "<p>A quiet page about the weather in the hills.</p>" * 8 + "</article></body></html>"


def test_hostile_pages_cost_only_themselves(tmp_path: Path) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    bombed = b"".join(bomb.compress(b"\0" * (1 << 20)) for _ in range(300)) + bomb.flush()
    path = tmp_path / "hostile.warc.gz"
    path.write_bytes(
        warc(
            ("https://a.example/good", page(GOOD.encode())),
            ("https://a.example/bomb", page(bombed, "Content-Encoding: gzip")),
            ("https://a.example/nested", page(b"<div>" * 100_000 + b"deep" + b"</div>" * 100_000)),
            ("https://a.example/nul", page(GOOD.replace("quiet", "qui\0et").encode())),
            ("https://a.example/surrogates", page(GOOD.encode().replace(b"quiet", b"\xed\xa0\x80quiet"))),
            ("https://a.example/references", page(GOOD.replace("quiet", "&#xD800;&#0;quiet").encode())),
            ("https://a.example/last", page(GOOD.encode())),
        )
    )
    ended = curate("run", "--input", path, "--out", tmp_path / "run", "-j", "1")
    assert ended.code == 0, ended.stderr
    decisions = table(tmp_path / "run", "decisions")
    assert decisions.height == 7
    states = dict(decisions.select("url", "state").iter_rows())
    assert states["https://a.example/bomb"] == "failed"
    assert decisions.filter(pl.col("state") == "failed")["error"].null_count() == 0
    texts = pl.concat([table(tmp_path / "run", name) for name in ("documents", "dropped")])
    assert not texts["text"].str.contains("\0", literal=True).any()
    for name in ("good", "last", "nul", "surrogates", "references"):
        assert states[f"https://a.example/{name}"] != "failed", name
    assert curate("verify", tmp_path / "run").code == 0


def test_bad_lines_of_jsonl_are_named(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    long = "word " * 10_000_000
    lines = [
        json.dumps({"text": "A good line. " * 30}),
        "{not json",
        json.dumps({"text": long}),
        json.dumps({"other": 1}),
        json.dumps({"text": "lone \ud800 surrogate and \u0000 nul. " * 20}),
    ]
    path.write_text("\n".join(lines) + "\n")
    ended = curate("run", "--input", path, "--out", tmp_path / "run", "-j", "1")
    assert ended.code == 0, ended.stderr
    decisions = table(tmp_path / "run", "decisions").sort("row")
    assert decisions.height == 5
    offsets = [sum(len(line) + 1 for line in lines[:number]) for number in range(5)]
    assert decisions["row"].to_list() == offsets
    assert decisions["state"].to_list()[1] == "failed"
    assert decisions["state"].to_list()[3] == "failed"


def test_every_odd_file_gives_rows_or_failures(shared_data: Path, tmp_path: Path) -> None:
    odd = shared_data / "warc-odd"
    ended = curate("run", "--input", odd, "--out", tmp_path / "run", "-j", "1")
    assert ended.code == 0, ended.stderr
    assert "CC-MAIN-2024-22.warc.paths.gz is not read" in ended.stderr
    decisions = table(tmp_path / "run", "decisions")
    rows = dict(decisions.group_by("file").len().iter_rows())
    # A list of paths, WAT files, and records of a type that no standard names hold no pages.
    without = {"CC-MAIN-2024-22.warc.paths.gz", "whirlwind.warc.wat", "whirlwind.warc.wat.gz", "index.json"}
    without |= {"block-sized-records.warc", "block-sized-records.warc.gz"}
    for path in sorted(path for path in odd.rglob("*") if path.is_file()):
        assert (rows.get(path.relative_to(odd).as_posix(), 0) > 0) != (path.name in without), path.name
    assert curate("verify", tmp_path / "run").code == 0
