"""trafilatura alone: `python trafilatura_only.py WARC LIMIT` extracts the HTML pages of a WARC file in this process.

What a run with `extract.engine=trafilatura` cannot avoid paying; pages are read and decoded before the clock starts.
Prints one JSON line: pages, and CPU seconds of the extraction calls.
"""

from __future__ import annotations

import json
import sys
import time

from trafilatura import extract

from curate.sources import Record, plan_units, read_unit


def pages(warc: str, limit: int) -> list[Record]:
    found: list[Record] = []
    for spec in plan_units([warc]):
        for record in read_unit(spec):
            found.append(record)
            if len(found) == limit:
                return found
    return found


def main() -> None:
    records = [r for r in pages(sys.argv[1], int(sys.argv[2])) if r.body is not None and r.kind == "html"]
    began = time.process_time()
    for record in records:
        # As a run uses it: no comments, no metadata (finding dates costs more than the text), no state across pages.
        extract(record.body or "", include_comments=False, include_tables=True, deduplicate=False)
    print(json.dumps({"pages": len(records), "cpu_s": time.process_time() - began}))


if __name__ == "__main__":
    main()
