"""What documents of a corpus are worth to a model that copies: facts of the sample, with and without its pages.

    python benchmarks/retrieval.py [--corpus RUN] [--model MODEL]

The corpus is the run of `curate run --input sample` with its search index (made in a temporary folder, or a finished
one by --corpus). The model is that of the tests: an ending is likelier the more of the question's words stand shortly
before it in the documents; without documents it knows nothing. --model: documents are also looked for by its
embeddings. Writes benchmarks/results/retrieval.json and .md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]

from copying_model import CopyingModel  # noqa: E402
from markdown_tables import table  # noqa: E402
from winnow_small import call  # noqa: E402

from evalkit.run.make import Evaluation, evaluate  # noqa: E402
from evalkit.run.rows import read_summary  # noqa: E402
from evalkit.run.settings import EvalSettings  # noqa: E402
from workbench.files import write_text  # noqa: E402

RESULTS = HERE / "results"
DOCUMENTS = (1, 3)


def measure(corpus: Path, work: Path, ways: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for every way to look for documents, and number of them."""
    rows = []
    for number, (way, k) in enumerate((way, k) for way in ways for k in DOCUMENTS):
        began = time.perf_counter()
        retrieve = {"corpus": str(corpus), "k": k, **way}
        settings = EvalSettings.model_validate({"model": "copying", "tasks": ["winnow-facts"], "retrieve": retrieve})
        asked = Evaluation.of(settings, CopyingModel(), work / "ws", work)
        seconds = time.perf_counter() - began
        summary = read_summary(evaluate(asked, work / "ws", out=work / f"eval-{number}").path)
        (acc,) = [row for row in summary["retrieval"]["beside"] if row["metric"] == "acc"]
        found = summary["tasks"][1]["retrieval"]
        answers = {"items": summary["tasks"][1]["items"], "answer_in_context": found["answer_in_context"]}
        rows.append({"by": way["by"], "k": k, **answers, **acc, "search_s": round(seconds, 2)})
    return rows


def report(rows: list[dict[str, Any]]) -> str:
    """The table for readers."""
    columns = ["by", "documents", "answer among them", "closed book", "with them", "difference", "95 % interval", "s"]
    lines = []
    for row in rows:
        off = row["difference"]
        values = [f"{100 * row[name]:.1f} %" for name in ("before", "after")]
        found = f"{row['answer_in_context']} of {row['items']}"
        span = f"{100 * off['low']:.1f} to {100 * off['high']:.1f} pt"
        lines.append([row["by"], row["k"], found, *values, f"{100 * off['value']:.1f} pt", span, row["search_s"]])
    head = "# Facts of the embedded sample, by a model that copies, without and with pages of the sample's run\n\n"
    note = "\n\nAccuracy on `winnow-facts`, four choices; `s`: seconds to read the task and look for documents.\n"
    return head + table(columns, lines) + note


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--model")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        corpus = given.corpus or work / "demo"
        if given.corpus is None:
            engine = ("--set", "extract.engine=trafilatura")
            call("curate", "run", "--input", "sample", "--root", work / "ws", "--out", corpus, *engine)
        ways: list[dict[str, Any]] = [{"by": "bm25"}]
        ways += [{"by": "embedding", "model": given.model, "chars": 400}] if given.model else []
        rows = measure(corpus, work, ways)
    write_text(RESULTS / "retrieval.json", json.dumps({"rows": rows}, indent=1) + "\n")
    write_text(RESULTS / "retrieval.md", report(rows))
    print(report(rows))


if __name__ == "__main__":
    main()
