"""datatrove's FineWeb pipeline over one WARC file: `python datatrove_fineweb.py WARC LIMIT OUT`.

Its steps in the order of its example, without language identification (its model is a download) and deduplication.
Prints one JSON line with the records read and kept; the caller takes the CPU time of the process and its children.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from pathlib import Path


def main() -> None:
    warc, limit, out = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        URLFilter,
    )
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers import JsonlWriter

    reader = WarcReader(str(warc.parent), glob_pattern=warc.name, default_metadata={"dump": "bench"}, limit=limit)
    writer = JsonlWriter(out)
    steps = [
        reader,
        URLFilter(),
        Trafilatura(favour_precision=True, timeout=10),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        writer,
    ]
    data = None
    for step in steps:
        data = step(data, 0, 1)
    deque(data, maxlen=0)
    print(json.dumps({"read": reader.stats["documents"].total, "kept": writer.stats["total"].total}))


if __name__ == "__main__":
    main()
