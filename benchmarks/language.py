"""Accuracy and cost of language identification: `python benchmarks/language.py [--model lid.176.bin] [--data FOLDER]`.

Data: the Universal Declaration of Human Rights and Lingua's test lines (`langid/` of the data folder), and real pages
with the language of their site as a hint (`peer-decisions/`, `crawl/pages.jsonl.gz`). Only languages that the model
knows are counted. Writes benchmarks/results/language.json and language.md.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from curate.language import identifier
from curate.language.codes import short_code

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
# Languages that others count as one: the two forms of Norwegian, and what their speakers write alike.
SAME = {"nb": "no", "nn": "no", "bs": "hr", "ms": "id"}


def lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in io.TextIOWrapper(zstandard.open(path, "rb"), "utf-8"):
        yield json.loads(line)


def sets(data: Path) -> dict[str, list[tuple[str, str]]]:
    """(language, text) by set; the declarations are cut into pieces of about 1,000 characters."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in lines(data / "langid" / "udhr2.jsonl.zst"):
        for begin in range(0, len(row["text"]) - 999, 1000):
            found["declarations, 1,000 characters"].append((short_code(row["code"]), row["text"][begin : begin + 1000]))
    for row in lines(data / "langid" / "lingua-testdata.jsonl.zst"):
        if row["kind"] == "sentence":
            found["sentences"].append((short_code(row["lang"]), row["text"]))
    with gzip.open(data / "crawl" / "pages.jsonl.gz", "rt", encoding="utf-8") as pages:
        hints = {page["url"]: page["site_lang"] for page in map(json.loads, pages)}
    for row in lines(data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst"):
        hint = hints.get(row["url"], "")
        if len(hint) == 2 and len(row["text"]) >= 200:
            found["pages of 200 characters and more (the site's language as a hint)"].append((hint, row["text"]))
    return dict(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--model", default="builtin")
    options = parser.parse_args()
    model = identifier(options.model)
    model.identify(["warm up the kernel"])
    result: dict[str, Any] = {"model": options.model, "sets": {}}
    table = ["| set | texts | languages | accuracy | mean of languages | ms a text |", "|---|---:|---:|---:|---:|---:|"]
    for name, rows in sets(options.data).items():
        began = time.process_time()
        answers = [answer.lang for answer in model.identify([text for _, text in rows])]
        each_ms = 1000 * (time.process_time() - began) / len(rows)
        known = set(answers)
        right: dict[str, list[bool]] = defaultdict(list)
        for (lang, _), answer in zip(rows, answers, strict=True):
            # A language that is never answered is one that the model does not know.
            if lang in known:
                right[lang].append(SAME.get(lang, lang) == SAME.get(answer, answer))
        total = sum(len(hits) for hits in right.values())
        accuracy = sum(sum(hits) for hits in right.values()) / total
        mean = sum(sum(hits) / len(hits) for hits in right.values()) / len(right)
        by_language = {lang: round(sum(hits) / len(hits), 4) for lang, hits in sorted(right.items())}
        result["sets"][name] = {"texts": total, "accuracy": accuracy, "mean": mean, "ms": each_ms, "by": by_language}
        table.append(f"| {name} | {total:,} | {len(right)} | {accuracy:.4f} | {mean:.4f} | {each_ms:.3f} |")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "language.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    name = Path(options.model).name
    head = f"# Language identification, model {name}\n\nCPU milliseconds; languages the model knows.\n\n"
    weak = sorted((value, lang) for lang, value in result["sets"]["sentences"]["by"].items())[:10]
    tail = "\n\nWeakest on sentences: " + ", ".join(f"{lang} {value:.2f}" for value, lang in weak) + ".\n"
    text = head + "\n".join(table) + tail
    (RESULTS / "language.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
