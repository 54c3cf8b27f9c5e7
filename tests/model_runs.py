"""Small trained models as runs, and a corpus in which it is known what they find."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curate.classify import model, pii
from curate.classify.settings import Training
from workbench.runs import Run

STUDY = ["the", "study", "of", "history", "shows", "careful", "reading", "patient", "thought", "better", "arguments"]
SALE = ["click", "here", "buy", "now", "casino", "bonus", "free", "promo", "login", "cart", "checkout", "newsletter"]
RUDE = ["idiot", "moron", "stupid", "loser", "trash"]
MEAN = ["vermin", "subhuman", "inferior", "deport", "filth"]
FIRST, LAST = ["Mara", "Tobin", "Elke", "Rasmus", "Ines", "Joren"], ["Valdek", "Ostrow", "Hemling", "Quist", "Paravel"]


def prose(rng: random.Random, words: Sequence[str], many: int = 14) -> str:
    """A sentence of these words."""
    return " ".join(rng.choice(words) for _ in range(many)).capitalize() + "."


def trained(
    path: Path, kind: str, examples: Sequence[tuple[str, Sequence[str]]], labels: list[str], score: str | None = None
) -> Path:
    """A finished run with a model of texts and their labels; several labels a text where the kind is harm."""
    target = np.array([[label in own for label in labels] for _, own in examples])
    settings = Training()
    described = model.describe(kind, settings, labels, exclusive=kind != "curate.harm", score=score)
    texts = [text for text, _ in examples]
    with Run.create(path, kind, f"{path.name}\n", root=path.parent / "workspace") as run:
        groups = [str(place % 7) for place in range(len(texts))]
        model.train(run.path / model.FOLDER, described, settings, texts, [None] * len(texts), target, groups)
        run.finish()
    return path


def quality(path: Path) -> Path:
    """`study` against sale."""
    rng = random.Random(1)
    rows = [(prose(rng, words), [label]) for words, label in ((SALE, "sale"), (STUDY, "study")) for _ in range(40)]
    return trained(path, "curate.quality", rows, ["sale", "study"], "study")


def topics(path: Path) -> Path:
    """Two topics, told by the same words."""
    rng = random.Random(2)
    rows = [(prose(rng, words), [label]) for words, label in ((SALE, "shop"), (STUDY, "school")) for _ in range(40)]
    return trained(path, "curate.domains", rows, ["school", "shop"])


def harms(path: Path) -> Path:
    """`toxic` and `hateful`, each for itself."""
    rng = random.Random(3)
    rows = []
    for at in range(160):
        own = [name for name, bit in (("toxic", 1), ("hateful", 2)) if at % 4 & bit]
        words = [rng.choice(STUDY + SALE) for _ in range(8)]
        words += [rng.choice(RUDE) for _ in range(4 * ("toxic" in own))]
        words += [rng.choice(MEAN) for _ in range(4 * ("hateful" in own))]
        rng.shuffle(words)
        rows.append((" ".join(words), own))
    return trained(path, "curate.harm", rows, ["hateful", "toxic"])


def names(path: Path) -> Path:
    """A tagger of names."""
    rng = random.Random(4)
    lines = []
    for at in range(160):
        name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        before = ("Dear ", "My name is ", "We met ", "Please call ")[at % 4]
        span = {"entity_type": "PERSON", "start_position": len(before), "end_position": len(before) + len(name)}
        text = f"{before}{name} about {prose(rng, STUDY, 5)}"
        lines.append(json.dumps({"full_text": text, "spans": [span], "template_id": at % 4}))
    path.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")
    settings = pii.Pii(labelled=[pii.Spans(path=f"{path.name}.jsonl")], kinds={"name": ["PERSON"]})
    pii.write(settings, path.parent, out=path, root=path.parent / "workspace", force=False, attach=lambda _: None)
    return path


def tokenizer(path: Path) -> Path:
    """A tokenizer whose tokens are what stands between blanks."""
    import tokenizers

    one = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    one.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    one.save(str(path))
    return path


def corpus(path: Path, many: int = 120) -> list[dict[str, str]]:
    """JSONL: every second page sells, every third is rude in one sentence, every fifth names somebody and an address;
    one has no word."""
    rng = random.Random(5)
    rows = []
    for at in range(many):
        own = SALE if at % 2 else STUDY
        parts = [prose(rng, own) for _ in range(3)]
        if at % 3 == 0:
            parts.insert(1, prose(rng, RUDE, 6))
        if at % 5 == 0:
            parts.append(f"Dear {rng.choice(FIRST)} {rng.choice(LAST)}, write to me{at}@mail.{own[0]}.org about it.")
        text = "\n".join([" ".join(parts[:2]), " ".join(parts[2:])])
        rows.append({"text": "?! ..." if at == 7 else text, "url": f"https://site{at % 9}.example/{at}"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows
