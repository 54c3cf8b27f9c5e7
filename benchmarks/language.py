"""Accuracy and cost of language identification: `python benchmarks/language.py [--model lid.176.bin] [--data FOLDER]`.

Data: the Universal Declaration of Human Rights and Lingua's test lines (`langid/` of the data folder), and real pages
with the language of their site as a hint (`peer-decisions/`, `crawl/pages.jsonl.gz`). Only languages that the model
knows are counted. Beside it stand the published accuracies of other identifiers on Lingua's lines (all of them, of
which ours are a sample), over the languages that the model and all of them know. For the built-in model also: how much
of a text it should look at. Writes benchmarks/results/language.json and language.md.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from curate.language import Identifier, identifier
from curate.language.codes import short_code
from curate.language.identifier import BUILTIN
from curate.language.naive_bayes import NaiveBayes

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
# Languages that others count as one: the two forms of Norwegian, and what their speakers write alike.
SAME = {"nb": "no", "nn": "no", "bs": "hr", "ms": "id"}
KINDS = {"sentence": "sentences", "word_pair": "pairs of words", "word": "single words"}
PAGES = "pages of prose (the site's language as a hint)"
# Kinds of sites whose pages are mostly code, names, hashes or lorem ipsum, so that the site's language says little.
NO_PROSE = {"templates-lorem-ipsum", "tiny-demo-pages", "machine-generated", "code-low-text", "docs-versions"}
PEERS = ("lingua-high-accuracy", "lingua-low-accuracy", "cld2", "cld3", "langdetect", "langid")
# Lingua's names of languages; those that SAME counts as one are left out of the comparison.
NAMES = {
    "Afrikaans": "af", "Albanian": "sq", "Arabic": "ar", "Armenian": "hy", "Azerbaijani": "az", "Basque": "eu",
    "Belarusian": "be", "Bengali": "bn", "Bulgarian": "bg", "Catalan": "ca", "Chinese": "zh", "Czech": "cs",
    "Danish": "da", "Dutch": "nl", "English": "en", "Esperanto": "eo", "Estonian": "et", "Finnish": "fi",
    "French": "fr", "Ganda": "lg", "Georgian": "ka", "German": "de", "Greek": "el", "Gujarati": "gu", "Hebrew": "he",
    "Hindi": "hi", "Hungarian": "hu", "Icelandic": "is", "Irish": "ga", "Italian": "it", "Japanese": "ja",
    "Kazakh": "kk", "Korean": "ko", "Latin": "la", "Latvian": "lv", "Lithuanian": "lt", "Macedonian": "mk",
    "Maori": "mi", "Marathi": "mr", "Mongolian": "mn", "Persian": "fa", "Polish": "pl", "Portuguese": "pt",
    "Punjabi": "pa", "Romanian": "ro", "Russian": "ru", "Serbian": "sr", "Shona": "sn", "Slovak": "sk",
    "Slovene": "sl", "Somali": "so", "Sotho": "st", "Spanish": "es", "Swahili": "sw", "Swedish": "sv",
    "Tagalog": "tl", "Tamil": "ta", "Telugu": "te", "Thai": "th", "Tsonga": "ts", "Tswana": "tn", "Turkish": "tr",
    "Ukrainian": "uk", "Urdu": "ur", "Vietnamese": "vi", "Welsh": "cy", "Xhosa": "xh", "Yoruba": "yo", "Zulu": "zu",
}  # fmt: skip
PREFIXES = (250, 500, 1000, 1500, 3000, 6000)

Rows = list[tuple[str, str]]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in io.TextIOWrapper(zstandard.open(path, "rb"), "utf-8"):
        yield json.loads(line)


def sets(data: Path) -> dict[str, Rows]:
    """(language, text) by set; the declarations are cut into pieces of about 1,000 characters."""
    found: dict[str, Rows] = defaultdict(list)
    for row in lines(data / "langid" / "udhr2.jsonl.zst"):
        for begin in range(0, len(row["text"]) - 999, 1000):
            found["declarations, 1,000 characters"].append((short_code(row["code"]), row["text"][begin : begin + 1000]))
    for row in lines(data / "langid" / "lingua-testdata.jsonl.zst"):
        found[KINDS[row["kind"]]].append((short_code(row["lang"]), row["text"]))
    with gzip.open(data / "crawl" / "pages.jsonl.gz", "rt", encoding="utf-8") as pages:
        prose = [page for page in map(json.loads, pages) if page["kind"] not in NO_PROSE]
        hints = {page["url"]: page["site_lang"] for page in prose}
    for row in lines(data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst"):
        hint = hints.get(row["url"], "")
        if len(hint) == 2 and len(row["text"]) >= 200:
            found[PAGES].append((hint, row["text"]))
    return dict(found)


def score(model: Identifier, rows: Rows) -> dict[str, Any]:
    """Accuracy over texts and over languages, by language, and CPU milliseconds a text."""
    known = {SAME.get(lang, lang) for lang in model.languages}
    rows = [(lang, text) for lang, text in rows if SAME.get(lang, lang) in known]
    began = time.process_time()
    answers = [answer.lang for answer in model.identify([text for _, text in rows])]
    each_ms = 1000 * (time.process_time() - began) / len(rows)
    right: dict[str, list[bool]] = defaultdict(list)
    for (lang, _), answer in zip(rows, answers, strict=True):
        right[lang].append(SAME.get(lang, lang) == SAME.get(answer, answer))
    by_language = {lang: round(statistics.mean(hits), 4) for lang, hits in sorted(right.items())}
    total = sum(sum(hits) for hits in right.values()) / len(rows)
    mean = statistics.mean(by_language.values())
    return {"texts": len(rows), "accuracy": total, "mean": mean, "ms": each_ms, "by": by_language}


def published(data: Path, ours: dict[str, float]) -> dict[str, dict[str, float]]:
    """For each peer: its published mean accuracy over the languages that it and the model know, and the model's own."""
    with (data / "langid" / "peer-accuracy-values.csv").open(newline="", encoding="utf-8") as file:
        rows = {NAMES[row["language"]]: row for row in csv.DictReader(file) if row["language"] in NAMES}
    found = {}
    for peer in PEERS:
        theirs = {lang: float(row[peer]) / 100 for lang, row in rows.items() if row[peer] not in ("", "NaN")}
        common = sorted(theirs.keys() & ours.keys())
        found[peer] = {
            "languages": len(common),
            "published": statistics.mean(theirs[lang] for lang in common),
            "ours": statistics.mean(ours[lang] for lang in common),
        }
    return found


def report(result: dict[str, Any]) -> str:
    """The tables in Markdown."""
    rows = [
        f"| {name} | {item['texts']:,} | {len(item['by'])} | {item['accuracy']:.4f} | {item['mean']:.4f} "
        f"| {item['ms']:.3f} |"
        for name, item in result["sets"].items()
    ]
    weak = sorted((value, lang) for lang, value in result["sets"]["sentences"]["by"].items())[:10]
    peers = [
        f"| {name} | {item['languages']} | {item['published']:.3f} | {item['ours']:.3f} |"
        for name, item in result["peers"].items()
    ]
    text = [
        f"# Language identification, model {result['model']}",
        "",
        "CPU milliseconds; languages the model knows. Some of the translated books have chapters still in English,",
        "which count as errors of the pages.",
        "",
        "| set | texts | languages | accuracy | mean of languages | ms a text |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
        "",
        "Weakest on sentences: " + ", ".join(f"{lang} {value:.2f}" for value, lang in weak) + ".",
        "",
        "Mean of words, pairs of words and sentences over the languages that both know, against published figures:",
        "",
        "| identifier | languages | published | this model |",
        "|---|---:|---:|---:|",
        *peers,
        "",
    ]
    if "prefixes" in result:
        text += [
            "Characters of a page that are looked at:",
            "",
            "| characters | accuracy | ms a page |",
            "|---:|---:|---:|",
        ]
        text += [
            f"| {chars} | {item['accuracy']:.4f} | {item['ms']:.3f} |" for chars, item in result["prefixes"].items()
        ]
        text += [""]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("WINNOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--model", default=BUILTIN)
    options = parser.parse_args()
    model = identifier(options.model)
    model.identify(["warm up the kernel"])
    found = sets(options.data)
    result: dict[str, Any] = {"model": Path(options.model).name}
    result["sets"] = {name: score(model, rows) for name, rows in found.items()}
    kinds = [result["sets"][name]["by"] for name in KINDS.values()]
    result["peers"] = published(
        options.data, {lang: statistics.mean(kind[lang] for kind in kinds) for lang in kinds[0]}
    )
    if options.model == BUILTIN:
        result["prefixes"] = {}
        for chars in PREFIXES:
            scored = score(NaiveBayes(chars), found[PAGES])
            result["prefixes"][chars] = {"accuracy": scored["accuracy"], "ms": scored["ms"]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "language.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    text = report(result)
    (RESULTS / "language.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
