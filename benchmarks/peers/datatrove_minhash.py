"""datatrove's first MinHash stage over texts: `python datatrove_minhash.py TEXTS.json ROUNDS`.

Its own run over ready documents, FineWeb's settings (word 5-grams, 14 buckets of 8 hashes), files written and sorted as
it does. Prints a JSON list with the CPU seconds of each round; the tokenizer is loaded before.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    documents = [Document(text, str(i)) for i, text in enumerate(json.loads(Path(sys.argv[1]).read_text()))]
    spent = []
    for turn in range(int(sys.argv[2]) + 1):
        with tempfile.TemporaryDirectory() as folder:
            stage = MinhashDedupSignature(folder, MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8))
            begin = time.process_time()
            stage.run(documents if turn else documents[:2])
            if turn:
                spent.append(time.process_time() - begin)
    print(json.dumps(spent))


if __name__ == "__main__":
    main()
