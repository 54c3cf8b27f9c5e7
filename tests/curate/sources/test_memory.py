"""Memory stays bounded, whatever the size of a file, a record or a line."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ALLOWED_MB = 300

PROBE = """
import resource, sys
from curate.sources import plan_units, read_unit
import curate.sources.tables, pyarrow.parquet
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
states = []
for unit in plan_units([sys.argv[1]]):
    for page in read_unit(unit):
        states.append(str(len(page.body)) if page.body is not None else page.error or page.drop[0])
print(peak() - before, *states[:3], sep="|")
"""


def probe(path: Path) -> tuple[int, list[str]]:
    """Megabytes over the imports' at the peak, and the length of each body (or the error)."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    used, *states = done.stdout.strip().split("|")
    return int(used), states


def test_a_line_of_50_mb_with_characters_of_four_bytes(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "' + "\U0001f600".encode() + b"x" * 50_000_000 + b'"}\n{"text": "after"}\n')
    used, states = probe(path)
    assert states == ["50000001", "5"]
    assert used < ALLOWED_MB


@pytest.mark.parametrize("level", [0, 6])
def test_a_record_of_400_mb(tmp_path, level):
    """Plain, or compressed some hundred times: the page is cut at the cap, and the record after it is read."""
    path = tmp_path / ("a.warc.gz" if level else "a.warc")
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:%d>\r\nContent-Length: %d\r\n\r\n"
    words = b"words and " * 100_000
    with path.open("wb") as out:
        for number, repeats in enumerate((400, 1)):
            pieces = [head % (number, len(block) + len(words) * repeats), block, *[words] * repeats, b"\r\n\r\n"]
            if level:
                packer = zlib.compressobj(level, wbits=31)
                pieces = [*map(packer.compress, pieces), packer.flush()]
            out.writelines(pieces)
    used, states = probe(path)
    assert states == [str(20 << 20), str(len(words) + 3)]
    assert used < ALLOWED_MB
