"""Log-likelihoods on one core: tokens computed and CPU time, against lm-eval on the same checkpoint.

    python benchmarks/likelihood.py          # where lm-eval 0.4.13 and transformers are installed too

A Llama of 13.8M parameters (6 layers of 384, vocabulary 8,192) with random weights in fp32, one thread. The questions
and texts are made-up words. Both are handed the same requests as text. The two go by turns; a figure is the CPU seconds
of the process over all rounds. lm-eval runs with every batch size of `--batch`, and its fastest counts. Tokens of
lm-eval are those that its model is given, padding not counted. What exceeds the context of 1,024 (some prompts of
letters) both cut at its beginning, so that it shares less. The answers must agree to 1e-5 of each log-likelihood.

1. cloze, the same five shots before every item: four choices of some words.
2. cloze, shots drawn anew for each item, as lm-eval does unless a task says otherwise.
3. cloze without shots.
4. letters, as in MMLU, the same five shots.
5. letters, shots drawn anew.
6. rolling: texts of several windows.

Writes benchmarks/results/likelihood.json and .md.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import torch
import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from evalkit.models.open import open_model
from evalkit.models.types import Model, Pair, Windows
from train.model.build import build, save
from train.model.config import ModelConfig
from train.tokenizer.train import train

RESULTS = Path(__file__).parent / "results"
VOCABULARY = 8192
CONFIG = ModelConfig(
    vocab_size=VOCABULARY,
    hidden_size=384,
    intermediate_size=1024,
    layers=6,
    heads=6,
    kv_heads=6,
    head_dim=64,
    max_positions=1024,
)
ITEMS, SHOTS, TEXTS = 12, 5, 3


class Words:
    """Made-up words, some much more frequent than others, and what is made of them."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        parts = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
        self.words = ["".join(self.source.choices(parts, k=self.source.randint(1, 4))) for _ in range(3000)]
        self.weights = [1 / rank for rank in range(1, len(self.words) + 1)]

    def some(self, low: int, high: int) -> str:
        """So many words."""
        return " ".join(self.source.choices(self.words, self.weights, k=self.source.randint(low, high)))

    def item(self) -> dict[str, Any]:
        """A question with four choices."""
        return {"question": self.some(20, 60), "choices": [self.some(2, 10) for _ in range(4)]}


def checkpoint(directory: Path) -> Path:
    """A directory that both open."""
    model = build(CONFIG, seed=0)
    generator = torch.Generator().manual_seed(0)
    for name, weight in model.state_dict().items():
        if weight.dim() == 2:
            weight.normal_(0, CONFIG.hidden_size**-0.5 if "lm_head" in name else 0.04, generator=generator)
    save(model, CONFIG, directory)
    words = Words(1)
    train([words.some(20, 60) for _ in range(3000)], VOCABULARY).save(directory)
    return directory


def cloze(item: dict[str, Any]) -> tuple[str, list[str]]:
    return f"Question: {item['question']}\nAnswer:", [f" {choice}" for choice in item["choices"]]


def letters(item: dict[str, Any]) -> tuple[str, list[str]]:
    listed = "".join(f"{letter}. {choice}\n" for letter, choice in zip("ABCD", item["choices"], strict=True))
    return f"{item['question']}\n{listed}Answer:", [f" {letter}" for letter in "ABCD"]


def pairs(form: Callable[[dict[str, Any]], tuple[str, list[str]]], shots: str) -> list[Pair]:
    """The requests of all items; shots: `same`, `drawn` or `none`."""
    words = Words(2)
    pool, items = [words.item() for _ in range(40)], [words.item() for _ in range(ITEMS)]
    found = []
    for item in items:
        chosen = {"same": pool[:SHOTS], "drawn": words.source.sample(pool, SHOTS), "none": []}[shots]
        before = "".join(context + choices[0] + "\n\n" for context, choices in map(form, chosen))
        context, choices = form(item)
        found += [Pair(before + context, choice) for choice in choices]
    return found


class Theirs:
    """lm-eval, with its tokens counted."""

    def __init__(self, directory: Path, batch: int) -> None:
        self.lm = HFLM(pretrained=str(directory), dtype="float32", device="cpu", batch_size=batch)
        self.tokens = self.padded = 0
        call, pad = self.lm._model_call, lm_eval.models.huggingface.pad_and_concat

        def counted(inputs: torch.Tensor, **named: Any) -> Any:
            self.padded += inputs.numel()
            return call(inputs, **named)

        def padded(length: int, tensors: list[torch.Tensor], **named: Any) -> Any:
            self.tokens += sum(len(each) for each in tensors)
            return pad(length, tensors, **named)

        self.lm._model_call = counted
        self.pad = padded

    def ask(self, what: str, requests: list[Any]) -> list[float]:
        lm_eval.models.huggingface.pad_and_concat, kept = self.pad, lm_eval.models.huggingface.pad_and_concat
        try:
            kind = "loglikelihood_rolling" if what == "rolling" else "loglikelihood"
            asked = [
                Instance(kind, {}, (one,) if isinstance(one, str) else (one.context, one.continuation), number)
                for number, one in enumerate(requests)
            ]
            answers = getattr(self.lm, kind)(asked, disable_tqdm=True)
        finally:
            lm_eval.models.huggingface.pad_and_concat = kept
        return list(answers) if what == "rolling" else [answer[0] for answer in answers]


def ours(model: Model, what: str, requests: list[Any]) -> list[float]:
    if what == "rolling":
        return [rolled.total for _, rolled in sorted(model.rolling(requests, Windows()), key=lambda each: each[0])]
    return [answer.logprob for _, answer in sorted(model.loglikelihoods(requests), key=lambda each: each[0])]


def measure(directory: Path, name: str, what: str, requests: list[Any], batches: list[int], rounds: int) -> Any:
    """Tokens and CPU seconds of both over the rounds."""
    contenders: dict[str, Callable[[], list[float]]] = {}
    peers = {batch: Theirs(directory, batch) for batch in batches}
    model = open_model(str(directory), root=directory, bos=False)
    contenders["winnow"] = lambda: ours(model, what, requests)
    for batch, peer in peers.items():
        contenders[f"lm-eval {batch}"] = lambda peer=peer: peer.ask(what, requests)
    spent = dict.fromkeys(contenders, 0.0)
    answers: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for contender, work in contenders.items():
            begin = time.process_time()
            answers[contender] = work()
            if number:  # the first round warms all up
                spent[contender] += time.process_time() - begin
    best = min((each for each in spent if each != "winnow"), key=lambda each: spent[each])
    apart = max(abs(a - b) / abs(b) for a, b in zip(answers["winnow"], answers[best], strict=True))
    assert apart < 1e-5, f"{name}: the answers differ by {apart:.1e}"
    peer = peers[int(best.split()[1])]
    computed = model.account()["tokens_computed"] / (rounds + 1)
    return {
        "what": name,
        "requests": len(requests),
        "winnow_tokens": computed,
        "lm_eval_tokens": peer.tokens / (rounds + 1),
        "lm_eval_padded_tokens": peer.padded / (rounds + 1),
        "winnow_s": spent["winnow"] / rounds,
        "lm_eval_s": spent[best] / rounds,
        "lm_eval_batch": int(best.split()[1]),
        "all_s": {each: seconds / rounds for each, seconds in spent.items()},
        "fewer_tokens": peer.tokens / (rounds + 1) / computed,
        "times": spent[best] / spent["winnow"],
        "largest_difference": apart,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    words = Words(3)
    cases: list[tuple[str, str, list[Any]]] = [
        ("cloze, five shots, the same for all", "pairs", pairs(cloze, "same")),
        ("cloze, five shots, drawn for each item", "pairs", pairs(cloze, "drawn")),
        ("cloze, no shots", "pairs", pairs(cloze, "none")),
        ("letters, five shots, the same for all", "pairs", pairs(letters, "same")),
        ("letters, five shots, drawn for each item", "pairs", pairs(letters, "drawn")),
        ("rolling", "rolling", [words.some(600, 1200) for _ in range(TEXTS)]),
    ]
    with tempfile.TemporaryDirectory() as directory:
        place = checkpoint(Path(directory))
        found = [measure(place, *case, options.batch, options.rounds) for case in cases]
    report({"lm_eval": lm_eval.__version__, "torch": torch.__version__, "rounds": options.rounds, "cases": found})


def report(result: dict[str, Any]) -> None:
    """Print the table and write it with the raw numbers."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.open() if "model name" in line] if info.exists() else []
    result["processor"] = names[0] if names else platform.processor()
    lines = [
        "# Log-likelihoods, one core",
        "",
        f"13.8M parameters, vocabulary {VOCABULARY:,}, fp32, one thread; {ITEMS} items of four choices, {TEXTS} texts;",
        f"torch {result['torch']}, lm-eval {result['lm_eval']} with its fastest batch size; {result['processor']}.",
        "Prompts above 1,024 tokens (some of the letters) are cut by both, and then share less.",
        "",
        "| what | tokens computed | lm-eval | fewer | CPU s | lm-eval (batch) | times |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {case['what']} | {case['winnow_tokens']:,.0f} | {case['lm_eval_tokens']:,.0f} "
            f"| **{case['fewer_tokens']:.2f}** | {case['winnow_s']:.2f} "
            f"| {case['lm_eval_s']:.2f} ({case['lm_eval_batch']}) | **{case['times']:.2f}** |"
            for case in result["cases"]
        ),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "likelihood.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "likelihood.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
