"""The process that trains one fastText model and ends: `python -m curate.classify.fasttext_child`, the job on stdin."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Reads the job (input, output, seed, settings) and writes the model."""
    import fasttext

    job = json.load(sys.stdin)
    settings = job["settings"]
    model = fasttext.train_supervised(
        input=job["input"],
        lr=settings["rate"],
        dim=settings["dim"],
        epoch=settings["epochs"],
        wordNgrams=settings["word_ngrams"],
        bucket=settings["buckets"],
        minCount=settings["least_count"],
        thread=1,
        seed=job["seed"],
        verbose=0,
    )
    model.save_model(job["output"])


if __name__ == "__main__":
    main()
