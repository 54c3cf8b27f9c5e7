"""Making the demo: `python -m dashboard.demo.build [--out FILE] [--in FOLDER]`.

Runs the product's own commands on the embedded sample in a folder of its own (some six minutes on two cores), and packs
what they wrote. Packing the same workspace twice gives the same bytes. Reports are those of two weeks that are over, so
the plan of the demo is overdue, at once and a year later: that is one of the things it shows.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from dashboard.demo import ARCHIVE, LARGEST, MOST_BYTES, MOST_FILES, curated, judged, trained
from dashboard.demo.workshop import Workshop
from workbench import manifest, registry
from workbench.files import whole_file
from workbench.people import FILE

_CACHE = "cache"
_LIVE = ("-wal", "-shm", "-journal", "lock.json")
_LEVEL, _WINDOW_LOG = 19, 25  # the window holds the whole workspace, so tables that a child run has again cost nothing


def build(folder: Path) -> Path:
    """Make the workspace in a folder, or what is missing of it, and return its root."""
    shop = Workshop(folder)
    for part in (curated, trained, judged):
        part.make(shop)
    return shop.root


def check(root: Path) -> None:
    """SystemExit where a run is not what its manifest says, or a text names a place on this machine."""
    for run in registry.list_runs(root):
        found = manifest.read(run.path)
        problems = [] if found is None else manifest.verify(run.path, found)
        if problems:
            raise SystemExit(f"{run.id}: {'; '.join(problems)}")
    here = [str(place).encode() for place in (root.resolve().parent, Path.home(), Path(tempfile.gettempdir()))]
    for path in packed(root):
        content = path.read_bytes()
        named = [place for place in here if len(place) > 1 and place + b"/" in content]
        if named:
            raise SystemExit(f"{path} names {named[0].decode()}, a place on this machine")


def packed(root: Path) -> Iterator[Path]:
    """The files that belong to the demo, by name: not caches of answers, nor what only a live process needs."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and relative.parts[0] != _CACHE and not path.name.endswith(_LIVE):
            yield path


def pack(root: Path, out: Path) -> int:
    """Write the archive, and return its bytes; nothing of owners, modes and times is kept."""
    with sqlite3.connect(root / FILE) as votes:  # what is only in the write-ahead log belongs to the file
        votes.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    votes.close()
    plain = io.BytesIO()
    sizes = []
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in packed(root):
            content = path.read_bytes()
            entry = tarfile.TarInfo(path.relative_to(root).as_posix())
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
            sizes.append(entry.size)
    assert max(sizes) <= LARGEST and len(sizes) <= MOST_FILES and sum(sizes) <= MOST_BYTES, "unpack would refuse it"
    parameters = zstandard.ZstdCompressionParameters.from_level(_LEVEL, window_log=_WINDOW_LOG, enable_ldm=True)
    with whole_file(out) as temporary:
        temporary.write_bytes(zstandard.ZstdCompressor(compression_params=parameters).compress(plain.getvalue()))
    return out.stat().st_size


def main() -> None:
    """Build, check and pack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ARCHIVE, help="where the archive goes (default: into the package)")
    parser.add_argument("--in", dest="folder", type=Path, help="folder to build in and keep (default: a temporary one)")
    said = parser.parse_args()
    folder = said.folder or Path(tempfile.mkdtemp(prefix="winnow-demo-"))
    try:
        root = build(folder)
        check(root)
        print(f"{said.out}: {pack(root, said.out):,} bytes")
    finally:
        if said.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
