"""Classifiers on real texts: quality against a raw crawl, topics, formats, a two-class task, names; and their time.

    python benchmarks/classifiers.py [quality reviews topics formats pii speed run]

Writes benchmarks/results/classifiers.json and classifiers.md. The data is found by WINNOW_SHARED_DATA or in
`../shared/data`.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import classified_runs
import numpy as np

from curate.classify import evaluate, features, model, split
from curate.classify.examples import cut, has_words
from curate.classify.model import Model
from curate.classify.settings import FastText, Training

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
DATA = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
SEEDS = 5
RESILIPARSE_MS = 3.6  # a record of a whole resiliparse run on this machine: benchmarks/pipeline.py
FAST = FastText(rate=0.5, epochs=10)

Example = tuple[str, str, str]  # text, label, group


def zst(path: Path) -> str:
    """The text of a zstandard file."""
    import zstandard

    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read().decode()


def jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file."""
    text = zst(path) if path.suffix == ".zst" else gzip.decompress(path.read_bytes()).decode()
    return (json.loads(line) for line in io.StringIO(text))


def pages() -> list[dict[str, Any]]:
    """The crawl's pages as trafilatura extracts them, nothing filtered, with host and `kind`."""
    kinds = {row["url"]: row for row in jsonl(DATA / "crawl" / "pages.jsonl.gz")}
    found = []
    for row in jsonl(DATA / "peer-decisions" / "datatrove-0.10.1.jsonl.zst"):
        if has_words(row["text"]):
            page = kinds.get(row["url"], {})
            host = str(urlsplit(row["url"]).hostname)
            found.append({"url": row["url"], "text": row["text"], "host": host, "kind": page.get("kind", "")})
    return found


def reference() -> list[tuple[str, str]]:
    """Text and group (the file, Brown's document) of books, Wikipedia and Brown."""
    files = [*sorted((DATA / "text" / "standardebooks").iterdir()), DATA / "text" / "wiki-demo.txt.zst"]
    found = [(zst(path), path.name) for path in files]
    return found + [(row["text"], row["id"]) for row in jsonl(DATA / "text" / "nltk-brown.jsonl.zst")]


def english(texts: Sequence[str]) -> list[bool]:
    """Which are in English by the built-in identifier."""
    from curate.language import identifier

    return [found.lang == "en" for found in identifier("builtin").identify(list(texts))]


def prose(text: str) -> str:
    """Lines that are sentences: 80 characters or more, ended by a mark; what menus and code are not."""
    lines = (line.strip() for line in text.replace(" .\n", ".\n").split("\n"))
    return "\n".join(line for line in lines if len(line) >= 80 and line.rstrip("\"'”’ )").endswith((".", "!", "?")))


def trained(examples: Sequence[Example], settings: Training, **more: Any) -> tuple[Model, float]:
    """A model, and the seconds it took."""
    labels = sorted({label for _, label, _ in examples})
    target = np.array([[label == name for name in labels] for _, label, _ in examples])
    texts, groups = [text for text, _, _ in examples], [group for _, _, group in examples]
    urls = more.pop("urls", [None] * len(texts))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        described = model.describe("curate.benchmark", settings, labels, **more)
        found = model.train(Path(folder), described, settings, texts, urls, target, groups)
    return found, time.perf_counter() - began


def two_sides(examples: Sequence[Example], seed: int, share: float = 0.2) -> tuple[list[Example], list[Example]]:
    """Trained on and held out, by whole groups."""
    held, _ = split.held_out([one[1] for one in examples], [one[2] for one in examples], share, seed)
    return (
        [one for one, out in zip(examples, held, strict=True) if not out],
        [one for one, out in zip(examples, held, strict=True) if out],
    )


def judged(examples: Sequence[Example], settings: Training, positive: str) -> dict[str, Any]:
    """Figures of one split."""
    seen, unseen = two_sides(examples, settings.seed)
    found, seconds = trained(seen, settings)
    scores = found.score_texts([text for text, _, _ in unseen])[:, found.labels.index(positive)]
    report = evaluate.binary(np.array([label == positive for _, label, _ in unseen]), scores)
    report.pop("calibration")
    return {**report, "train_s": seconds}


def quality() -> list[dict[str, Any]]:
    """Reference text against the raw crawl, and the same with the trivial cues taken away one after the other."""
    crawl, books = pages(), reference()
    crawl_en = [page for page, is_english in zip(crawl, english([p["text"] for p in crawl]), strict=True) if is_english]

    def sides(page_list: list[dict[str, Any]], size: int, least: int, clean: Callable[[str], str]) -> list[Example]:
        good = [(piece, "reference", group) for text, group in books for piece in cut(clean(text), size)]
        bad = [(piece, "crawl", p["host"]) for p in page_list for piece in cut(clean(p["text"]), size)]
        return [one for one in (*good, *bad) if len(one[0]) >= least and has_words(one[0])]

    same: Callable[[str], str] = str
    variants = [
        ("all pages", sides(crawl, 5000, 1, same)),
        ("English pages", sides(crawl_en, 5000, 1, same)),
        ("English, all texts of 700 to 1,500 characters", sides(crawl_en, 1000, 700, same)),
        ("English, lines of prose only, 700 to 1,500 characters", sides(crawl_en, 1000, 700, prose)),
    ]
    rows = []
    for name, examples in variants:
        plans = [("linear", SEEDS, Training())]
        plans.append(("fasttext", 1, Training(engine="fasttext", fasttext=FAST)))
        for engine, seeds, settings in plans:
            runs = [judged(examples, settings.model_copy(update={"seed": seed}), "reference") for seed in range(seeds)]
            auc = [run["roc_auc"] for run in runs]
            row = {"variant": name, "engine": engine, "examples": len(examples), "splits": seeds}
            row |= {"roc_auc": float(np.mean(auc)), "roc_auc_worst": min(auc)}
            row |= {
                key: float(np.mean([run[key] for run in runs])) for key in ("average_precision", "brier", "train_s")
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def reviews() -> list[dict[str, Any]]:
    """Movie reviews, a task of known difficulty: bags of words reach 80 to 85 % (Pang and Lee 2004)."""
    from sklearn.model_selection import StratifiedKFold

    examples = [(r["text"], str(r["label"]), r["id"]) for r in jsonl(DATA / "text" / "nltk-movie_reviews.jsonl.zst")]
    labels = np.array([label for _, label, _ in examples])
    rows = []
    for engine in ("linear", "fasttext"):
        settings = Training(engine=engine, fasttext=FastText(rate=0.5, epochs=25))
        right, aucs, briers = [], [], []
        for seen, unseen in StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels):
            found, _ = trained([examples[at] for at in seen], settings)
            scores = found.score_texts([examples[at][0] for at in unseen])
            right.append(float((np.array(found.labels)[scores.argmax(axis=1)] == labels[unseen]).mean()))
            report = evaluate.binary(labels[unseen] == found.labels[1], scores[:, 1])
            aucs.append(report["roc_auc"])
            briers.append(report["brier"])
        row = {"engine": engine, "examples": len(examples), "accuracy": float(np.mean(right))}
        rows.append(row | {"roc_auc": float(np.mean(aucs)), "brier": float(np.mean(briers))})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def speed() -> dict[str, Any]:
    """Milliseconds a document that scoring adds to a run, which has segmented the texts already."""
    crawl = pages()[:2000]
    texts, urls = [page["text"] for page in crawl], [page["url"] for page in crawl]
    examples = [(page["text"], "a" if at % 2 else "b", str(at)) for at, page in enumerate(crawl)]
    many = [(page["text"], f"c{at % 24}", str(at)) for at, page in enumerate(crawl)]
    two, _ = trained(examples, Training())
    classes, _ = trained(many, Training(), urls=urls)
    formats, _ = trained(many, Training(), urls=urls, reads="page")
    fast, _ = trained(examples, Training(engine="fasttext"))
    found: dict[str, float] = {}
    batch = model.batch_of(texts, urls)
    batch.segments.lower_ids("words_uax29")
    for name, work in (
        ("hashed words, once for all models", lambda: batch.once(features.word_rows)),
        ("linear, two classes", lambda: two.score(batch)),
        ("linear, 24 classes", lambda: classes.score(batch)),
        ("linear, 24 formats with the page's shape", lambda: formats.score(batch)),
        ("linear, two classes, every sentence", lambda: two.score_sentences(batch)),
        ("fastText, two classes", lambda: fast.score(batch)),
    ):
        began = time.perf_counter()
        work()
        found[name] = 1000 * (time.perf_counter() - began) / len(texts)
    print(json.dumps(found), flush=True)
    return {"documents": len(texts), "resiliparse_run_ms": RESILIPARSE_MS, "ms": found}


def run() -> dict[str, Any]:
    """What models add to whole runs of the crawl."""
    crawl = pages()[:800]
    pieces = [(piece, "reference", group) for text, group in reference() for piece in cut(text, 5000)][:800]
    return classified_runs.measure(crawl, pieces, DATA)


GENRES = {
    "A": "press: reportage", "B": "press: editorial", "C": "press: reviews", "D": "religion", "E": "skills and hobbies",
    "F": "popular lore", "G": "belles lettres", "H": "government", "J": "learned", "K": "general fiction",
    "L": "mystery", "M": "science fiction", "N": "adventure", "P": "romance", "R": "humor",
}  # fmt: skip
# The genres and kinds of site that have an obvious place in the taxonomies; of the others nothing can be said.
GENRE_TOPIC = {"D": "Religion", "C": "Entertainment", "H": "Politics", "E": "Home & Hobbies"}
FICTION = "KLMNP"
KIND_FORMAT = {
    "docs-versions": "Technical Writing", "api-docs-versions": "Technical Writing", "api-docs": "Technical Writing",
    "api-docs-code": "Technical Writing", "javadoc": "Technical Writing", "javadoc-versions": "Technical Writing",
    "spec": "Technical Writing", "spec-drafts": "Technical Writing", "docs": "Technical Writing",
    "forum": "Q&A Forum", "mailing-list": "Comment Section", "blog": "Personal Blog", "blog-code": "Personal Blog",
    "course": "Tutorial", "course-versions": "Tutorial", "book-code": "Tutorial", "spam-gambling": "Spam & Ads",
}  # fmt: skip


def brown() -> list[Example]:
    """The 500 documents of Brown, by the letter of their genre."""
    rows = jsonl(DATA / "text" / "nltk-brown.jsonl.zst")
    return [(row["text"], row["id"].split("/")[1][1].upper(), row["id"]) for row in rows]


def topics() -> dict[str, Any]:
    """Brown's genres and the crawl's kinds, learned; and the labels that seed terms alone give to Brown."""
    from sklearn.model_selection import StratifiedKFold

    from curate.classify.taxonomy import load_taxonomy, weak_labels

    results: dict[str, Any] = {}
    examples = brown()
    labels = np.array([label for _, label, _ in examples])
    for engine in ("linear", "fasttext"):
        settings = Training(engine=engine, fasttext=FastText(rate=0.5, epochs=50))
        guess = np.empty(len(examples), dtype=object)
        for seen, unseen in StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels):
            found, _ = trained([examples[at] for at in seen], settings)
            scores = found.score_texts([examples[at][0] for at in unseen])
            guess[unseen] = np.array(found.labels, dtype=object)[scores.argmax(axis=1)]
        most = max(np.mean(labels == label) for label in set(labels))
        fiction = np.mean([(a in FICTION) == (b in FICTION) for a, b in zip(labels, guess, strict=True)])
        recall = {GENRES[label]: float(np.mean(guess[labels == label] == label)) for label in sorted(set(labels))}
        results[f"brown {engine}"] = {
            "texts": len(examples),
            "accuracy": float(np.mean(guess == labels)),
            "most_frequent": float(most),
            "fiction_or_not": float(fiction),
            "recall": recall,
        }
        print(json.dumps(results[f"brown {engine}"]), flush=True)
    taxonomy = load_taxonomy("topics")
    weak = weak_labels(taxonomy, [text for text, _, _ in examples], [None] * len(examples)).label
    names = [*taxonomy.labels, None]
    for genre, topic in GENRE_TOPIC.items():
        mine = [names[at] for at in weak[labels == genre]]
        told = [name for name in mine if name is not None]
        row = {"texts": len(mine), "labelled": len(told), "as_expected": sum(name == topic for name in told)}
        results[f"seed terms: {GENRES[genre]} as {topic}"] = row
        print(genre, topic, row, flush=True)
    return results


def formats() -> dict[str, Any]:
    """The crawl's `kind` (a hint by site), learned on some hosts and judged on others; and seed terms against it."""
    from curate.classify.taxonomy import load_taxonomy, weak_labels

    crawl = [page for page in pages() if page["kind"] in KIND_FORMAT]
    examples = [(page["text"], KIND_FORMAT[page["kind"]], page["host"]) for page in crawl]
    urls = [page["url"] for page in crawl]
    results: dict[str, Any] = {}
    for reads in ("words", "page"):
        rows = []
        for seed in range(SEEDS):
            held, _ = split.held_out([one[1] for one in examples], [one[2] for one in examples], 0.3, seed)
            seen, unseen = np.flatnonzero(~held), np.flatnonzero(held)
            found, _ = trained([examples[at] for at in seen], Training(), urls=[urls[at] for at in seen], reads=reads)
            scores = found.score_texts([examples[at][0] for at in unseen], [urls[at] for at in unseen])
            target = np.array([found.labels.index(examples[at][1]) for at in unseen])
            report = evaluate.multiclass(target, scores, found.labels)
            rows.append([report[name] for name in ("accuracy", "accuracy_of_most_frequent", "macro_f1")])
        mean = np.mean(rows, axis=0)
        results[f"kind by host, {reads}"] = {
            "pages": len(examples),
            "accuracy": float(mean[0]),
            "accuracies": [row[0] for row in rows],
            "most_frequent": float(mean[1]),
            "macro_f1": float(mean[2]),
        }
        print(json.dumps(results[f"kind by host, {reads}"]), flush=True)
    taxonomy = load_taxonomy("formats")
    weak = weak_labels(taxonomy, [one[0] for one in examples], urls).label
    names = list(taxonomy.labels)
    for wanted in sorted(set(KIND_FORMAT.values())):
        told = [names[at] for at, one in zip(weak, examples, strict=True) if one[1] == wanted and at >= 0]
        total = sum(one[1] == wanted for one in examples)
        row = {"pages": total, "labelled": len(told), "as_expected": sum(name == wanted for name in told)}
        results[f"seed terms: {wanted}"] = row
        print(wanted, row, flush=True)
    return results


def pii() -> dict[str, Any]:
    """Names and addresses: held-out templates (five splits), and one file judged by a tagger of the other."""
    from curate.classify import pii as tagging

    folder = DATA / "pii"
    results: dict[str, Any] = {}

    def told(name: str, reports: list[dict[str, Any]]) -> None:
        for kind in ("name", "address"):
            rows = [report["by_kind"][kind] for report in reports]
            results[f"{name}: {kind}"] = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
            print(name, kind, json.dumps(results[f"{name}: {kind}"]), flush=True)

    settings = tagging.Pii(labelled=[tagging.Spans(path=str(folder))])
    texts, _ = tagging.read(settings, Path())
    reports = []
    for seed in range(SEEDS):
        held, _ = split.held_out(["text"] * len(texts), [text.group for text in texts], 0.2, seed)
        found = tagging.fit([text for text, out in zip(texts, held, strict=True) if not out], settings)
        reports.append(
            tagging.judge([text for text, out in zip(texts, held, strict=True) if out], found, settings.threshold)
        )
    told("held-out templates", reports)
    own = [text for text in texts if text.group.startswith("presidio-synth")]
    other = [text for text in texts if text.group.startswith("presidio-generated_large")]
    told("trained on generated_large, judged on synth_v2", [tagging.judge(own, tagging.fit(other, settings), 0.5)])
    told("trained on synth_v2, judged on generated_large", [tagging.judge(other, tagging.fit(own, settings), 0.5)])
    return results


PARTS: dict[str, Callable[[], Any]] = {
    "quality": quality,
    "reviews": reviews,
    "topics": topics,
    "formats": formats,
    "pii": pii,
    "speed": speed,
    "run": run,
}


def tables(results: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "# Classifiers",
        "",
        "Written by `python benchmarks/classifiers.py`; what is measured, see docs/classifiers.md.",
    ]

    def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        lines.extend(["", f"## {title}", "", f"| {' | '.join(heads)} |", "|---" + "|---:" * (len(heads) - 1) + "|"])
        for row in rows:
            cells = (
                f"{cell:.4f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell
                for cell in row
            )
            lines.append(f"| {' | '.join(cells)} |")

    def columns(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[list[Any]]:
        return [[row[name] for name in names] for row in rows]

    if "quality" in results:
        names = [
            "variant",
            "engine",
            "splits",
            "examples",
            "roc_auc",
            "roc_auc_worst",
            "average_precision",
            "brier",
            "train_s",
        ]
        heads = [
            "texts",
            "engine",
            "splits",
            "examples",
            "ROC-AUC",
            "worst split",
            "avg. precision",
            "Brier",
            "training s",
        ]
        table(
            "Reference text against the raw crawl, held out by host and file", heads, columns(results["quality"], names)
        )
    if "reviews" in results:
        names = ["engine", "examples", "accuracy", "roc_auc", "brier"]
        table(
            "Movie reviews, five folds",
            ["engine", "texts", "accuracy", "ROC-AUC", "Brier"],
            columns(results["reviews"], names),
        )
    if "topics" in results:
        rows = [(name, row) for name, row in results["topics"].items() if "accuracy" in row]
        names = ["accuracy", "most_frequent", "fiction_or_not"]
        heads = ["", "accuracy of 15 genres", "always the most frequent", "fiction or not"]
        table(
            "Brown's genres, five folds of 500 texts",
            heads,
            [[name, *(row[key] for key in names)] for name, row in rows],
        )
        table("Recall by genre", ["genre", *(name for name, _ in rows)],
              [[genre, *(row["recall"][genre] for _, row in rows)] for genre in rows[0][1]["recall"]])  # fmt: skip
        weak = [(name, row) for name, row in results["topics"].items() if "labelled" in row]
        table("Seed terms of the shipped topics on Brown", ["", "texts", "labelled", "as expected"],
              [[name, row["texts"], row["labelled"], row["as_expected"]] for name, row in weak])  # fmt: skip
    if "formats" in results:
        rows = [(name, row) for name, row in results["formats"].items() if "accuracy" in row]
        names = ["pages", "accuracy", "most_frequent", "macro_f1"]
        heads = ["", "pages", "accuracy", "always the most frequent", "macro F1"]
        figures = [[name, *(row[key] for key in names)] for name, row in rows]
        table("Kind of site of unseen hosts, mean of five splits", heads, figures)
        weak = [(name, row) for name, row in results["formats"].items() if "labelled" in row]
        table("Seed terms of the shipped formats against the kind of site", ["", "pages", "labelled", "as expected"],
              [[name, row["pages"], row["labelled"], row["as_expected"]] for name, row in weak])  # fmt: skip
    if "pii" in results:
        names = ["precision", "recall", "f1", "touched", "character_precision", "character_recall"]
        heads = ["", "precision", "recall", "F1", "touched", "characters: precision", "recall"]
        table(
            "Names and addresses, whole spans",
            heads,
            [[name, *(row[key] for key in names)] for name, row in results["pii"].items()],
        )
    if "speed" in results:
        speeds = results["speed"]
        whole = speeds["resiliparse_run_ms"]
        rows_ms = [[name, ms, f"{100 * ms / whole:.1f} %"] for name, ms in speeds["ms"].items()]
        table("Milliseconds a document over segmented texts", ["", "ms", f"of a resiliparse run ({whole} ms)"], rows_ms)
    if "run" in results:
        table(*classified_runs.told(results["run"]))
        lines.extend(["", "Each further model beside quality and topics; what it adds is told beyond these two."])
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the parts that are asked for (default: all) and writes their figures beside those of earlier runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    asked = parser.parse_args().parts or list(PARTS)
    if not (DATA / "DATA.md").is_file():
        raise SystemExit(f"no data at {DATA}: set WINNOW_SHARED_DATA to the folder of real data sets")
    path = RESULTS / "classifiers.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in asked:
        results[name] = PARTS[name]()
        path.write_text(json.dumps(results, indent=1) + "\n")
        path.with_suffix(".md").write_text(tables(results))


if __name__ == "__main__":
    main()
