"""The fastText engine: trained alone in a fresh process, so that equal examples give equal bytes.

fastText's threads race, and it leaves a part of its matrix as the allocator gave it. One thread in a fresh process
whose allocator fills memory with a fixed byte (`MALLOC_PERTURB_`, glibc) leaves nothing to chance.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.classify.settings import FastText
from workbench.errors import Exit, UserError
from workbench.files import whole_file

FILE = "fasttext.bin"
_LABEL = "__label__"
_CHILD = "curate.classify.fasttext_child"


class FastTextModel:
    """A model file of fastText whose labels are `__label__0`, `__label__1` ...: positions among the classes."""

    def __init__(self, path: Path, classes: int) -> None:
        from workbench.parts import require

        fasttext = require("fasttext")
        try:
            self._model = fasttext.load_model(str(path))
        except ValueError as error:
            raise UserError(f"cannot read {path}: {error}", hint="is the model complete?", code=Exit.INPUT) from None
        known = {f"{_LABEL}{place}" for place in range(classes)}
        if set(self._model.get_labels()) != known:
            raise UserError(f"{path} has other labels than its manifest", hint="train it again", code=Exit.INPUT)
        self._classes = classes

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities, float64[texts, classes]; not calibrated."""
        out = np.zeros((len(texts), self._classes))
        for row, text in enumerate(texts):
            labels, scores = self._model.predict(one_line(text), k=self._classes)
            for label, score in zip(labels, scores, strict=True):
                out[row, int(label.removeprefix(_LABEL))] = min(float(score), 1.0)
        total = out.sum(axis=1, keepdims=True)
        return np.divide(out, total, out=np.full_like(out, 1 / self._classes), where=total > 0)


def one_line(text: str) -> str:
    """The text as fastText reads it: one line, in which nothing is a label or the end of the line."""
    return " ".join(text.replace("\x00", " ").split()).replace(_LABEL, "__label_").replace("</s>", "< /s>")


def train(texts: Sequence[str], labels: Sequence[int], settings: FastText, seed: int, path: Path) -> None:
    """Writes the model to `path`: the same bytes for the same examples, settings and seed."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="units") as folder, whole_file(path) as temporary:
        lines = Path(folder) / "train.txt"
        with lines.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            for text, label in zip(texts, labels, strict=True):
                file.write(f"{_LABEL}{label} {one_line(text)}\n")
        job: dict[str, Any] = {"input": str(lines), "output": str(temporary), "seed": seed % 2**31}
        job["settings"] = settings.model_dump()
        done = subprocess.run(
            [sys.executable, "-P", "-m", _CHILD],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path),
                "MALLOC_PERTURB_": "255",
                "OMP_NUM_THREADS": "1",
            },
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"fastText could not train: {said}", hint="fewer buckets or dimensions need less memory")
