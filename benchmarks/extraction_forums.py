"""Forums that no crawl at hand holds, as a WARC file: `python benchmarks/extraction_forums.py --clones DIR --out DIR`.

The clones are bare or full clones of public archives of forums, `<owner>+<name>/`, each with the commit below. Of every
archive the pages with the lowest hash of their path are taken, so that it is the same ones every time. Pages of forums
name real people: the file is for measuring alone, and is not part of this repository.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
from pathlib import Path

import xxhash

# Owner and name, commit, what a page's path starts with and has to end with.
ARCHIVES = (
    ("openenergymonitor/forum-archive", "e0a42e321b9faca872ff9ef3f617757c3d97ef12", "node/"),
    ("studioetc/theavalanches-forum-archive", "f812b9f2732236138f60cdba50fc1e903044d277", "archive/phpBB2/t"),
    ("twisted/pipermail", "75a0ed20ffa55cc4354dc11e725a2f2c096f566c", "twisted-"),
)
PAGES = 40
FILE = "forums.warc.gz"


def _git(folder: Path, *command: str) -> bytes:
    inner = folder / "repo" if (folder / "repo").is_dir() else folder
    where = inner / ".git" if (inner / ".git").is_dir() else inner
    return subprocess.run(["git", f"--git-dir={where}", *command], capture_output=True, check=True).stdout


def _record(url: str, page: bytes) -> bytes:
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page
    head = [
        "WARC/1.1", "WARC-Type: response", f"WARC-Record-ID: <urn:hash:{xxhash.xxh3_128_hexdigest(url.encode())}>",
        f"WARC-Target-URI: {url}", "WARC-Date: 2020-01-01T00:00:00Z",
        "Content-Type: application/http; msgtype=response", f"Content-Length: {len(body)}", "", "",
    ]  # fmt: skip
    return gzip.compress("\r\n".join(head).encode() + body + b"\r\n\r\n", mtime=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / FILE).open("wb") as file:
        for name, commit, begin in ARCHIVES:
            clone = options.clones / name.replace("/", "+")
            paths = _git(clone, "ls-tree", "-r", "--name-only", commit).decode("utf-8", "replace").splitlines()
            wanted = [path for path in paths if path.startswith(begin) and path.endswith(".html")]
            wanted.sort(key=lambda path: xxhash.xxh3_64_intdigest(path.encode()))
            for path in wanted[:PAGES]:
                owner, _, repository = name.partition("/")
                file.write(
                    _record(f"https://{owner}.github.io/{repository}/{path}", _git(clone, "show", f"{commit}:{path}"))
                )


if __name__ == "__main__":
    main()
