"""Write `golden_spacy.json` from `golden_texts.txt`: run with spaCy 3.8 and datatrove 0.10.1 installed.

    python tests/curate/segment/write_golden.py

Each line is a text; so is the whole file, and each three lines in a row.
"""

import json
from pathlib import Path

import spacy
from datatrove.utils.text import split_into_sentences, split_into_words

HERE = Path(__file__).parent


def main() -> None:
    """Ask the peers and write what they say."""
    source = (HERE / "golden_texts.txt").read_text(encoding="utf-8")
    lines = source.split("\n")
    texts = [
        "",
        " ",
        "\n",
        "  ",
        "a ",
        " a",
        source,
        *lines,
        *("\n".join(lines[i : i + 3]) for i in range(len(lines) - 2)),
    ]
    cases = [[text, split_into_words(text), len(split_into_sentences(text))] for text in texts]
    document = {"spacy": spacy.__version__, "columns": ["text", "words", "sentences"], "cases": cases}
    (HERE / "golden_spacy.json").write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
