"""Rollouts on one core: tokens a second, against `generate` of transformers on the same weights and prompts.

    python benchmarks/generation.py          # where transformers is installed too

A Llama of 13.8M parameters in its matrix products (6 layers of 384, vocabulary 8,192) with random weights, one thread.
Both draw from the whole softmax at temperature 1. The two go by turns; each figure is all tokens of the rounds over the
CPU seconds of the process that they took. First both continue the prompts greedily: the tokens must be the same.

1. Rollouts: prompts of 16 to 96 tokens, four samples of each, up to 128 new tokens, ended by any of 128 end tokens (one
   token in 64). Tokens after a sequence's end are not counted.
2. Of fixed length: prompts of 64 tokens, 128 new ones, nothing ends before.

Writes benchmarks/results/generation.json and .md.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

from train.generate import Sampler
from train.model.build import build
from train.model.config import ModelConfig
from train.sampler import Params

RESULTS = Path(__file__).parent / "results"
VOCABULARY, NEW, SAMPLES = 8192, 128, 4
ENDS = tuple(range(64, VOCABULARY, 64))
CONFIG = ModelConfig(
    vocab_size=VOCABULARY,
    hidden_size=384,
    intermediate_size=1024,
    layers=6,
    heads=6,
    kv_heads=6,
    head_dim=64,
    max_positions=512,
)
Prompts = Sequence[Sequence[int]]


class NoText:
    """Rollouts are tokens here; what they say is not asked."""

    eos = None

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        return ""


def models() -> tuple[Any, LlamaForCausalLM]:
    """The same weights twice; logits have a spread of 1."""
    ours = build(CONFIG, seed=0).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, weight in ours.state_dict().items():
        if weight.dim() == 2:
            weight.normal_(0, CONFIG.hidden_size**-0.5 if "lm_head" in name else 0.04, generator=generator)
    theirs = LlamaForCausalLM(LlamaConfig(**CONFIG.to_hf())).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours, theirs


def their_ids(model: LlamaForCausalLM, prompts: Prompts, samples: int, ends: Sequence[int], *, greedy: bool) -> Any:
    """New tokens [prompts * samples, new], through left padding."""
    width = max(map(len, prompts))
    tokens = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    drawn = {"do_sample": False} if greedy else {"do_sample": True, "top_k": 0, "num_return_sequences": samples}
    found = model.generate(
        tokens, attention_mask=mask, max_new_tokens=NEW, eos_token_id=list(ends) or None, pad_token_id=0, **drawn
    )
    return found[:, width:]


def counted(found: torch.Tensor, ends: Sequence[int]) -> int:
    """Tokens up to the end of each sequence."""
    is_end = torch.isin(found, torch.tensor(list(ends) or [-1]))
    first = torch.where(is_end.any(-1), is_end.int().argmax(-1) + 1, found.shape[1])
    return int(first.sum())


def timed(work: Callable[[], int]) -> tuple[int, float]:
    begin = time.process_time()
    tokens = work()
    return tokens, time.process_time() - begin


def measure(ours: Any, theirs: LlamaForCausalLM, rows: int, rounds: int, *, ends: Sequence[int]) -> dict[str, Any]:
    """Tokens and seconds of both over the rounds."""
    samples = SAMPLES if ends else 1
    generator = torch.Generator().manual_seed(rows)
    spent = {"winnow": [0, 0.0], "transformers": [0, 0.0]}
    for number in range(rounds + 1):
        lengths = torch.randint(16, 97, (rows // samples,), generator=generator) if ends else [64] * rows
        prompts = [
            [
                token - (token % 64 == 0)
                for token in torch.randint(1, VOCABULARY, (int(n),), generator=generator).tolist()
            ]
            for n in lengths
        ]
        sampler = Sampler(ours, NoText(), end_ids=ends or [VOCABULARY], rows=rows)

        def our_work(sampler: Sampler = sampler, prompts: Prompts = prompts, seed: int = number) -> int:
            return sum(len(one.ids) for one in sampler.generate(prompts, Params(max_new=NEW), seed=seed, n=samples))

        def their_work(prompts: Prompts = prompts, seed: int = number) -> int:
            torch.manual_seed(seed)
            return counted(their_ids(theirs, prompts, samples, ends, greedy=False), ends)

        for name, work in (("winnow", our_work), ("transformers", their_work)):
            tokens, seconds = timed(work)
            if number:  # the first round warms both up
                spent[name][0] += tokens
                spent[name][1] += seconds
    speeds = {name: tokens / seconds for name, (tokens, seconds) in spent.items()}
    return {
        "kind": "rollouts" if ends else "fixed length",
        "rows": rows,
        "tokens": spent["winnow"][0] / rounds / rows,
        **{f"{name}_per_s": speed for name, speed in speeds.items()},
        "times": speeds["winnow"] / speeds["transformers"],
    }


def check(ours: Any, theirs: LlamaForCausalLM) -> None:
    """Greedy continuations are the same tokens."""
    prompts = [list(range(1, 20)), [5], list(range(300, 340))]
    wanted = their_ids(theirs, prompts, 1, (), greedy=True).tolist()
    found = Sampler(ours, NoText(), end_ids=[VOCABULARY]).generate(prompts, Params(max_new=NEW, temperature=0))
    assert [one.ids for one in found] == wanted


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="+", default=[8, 32, 64])
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    ours, theirs = models()
    theirs.generation_config.eos_token_id = None
    check(ours, theirs)
    found = [measure(ours, theirs, rows, options.rounds, ends=ends) for ends in (ENDS, ()) for rows in options.rows]
    report({"transformers": transformers.__version__, "torch": torch.__version__, "cases": found})


def report(result: dict[str, Any]) -> None:
    """Print the table and write it with the raw numbers."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.open() if "model name" in line] if info.exists() else []
    result["processor"] = names[0] if names else platform.processor()
    lines = [
        "# Generation, one core",
        "",
        f"13.8M parameters in matrix products, vocabulary {VOCABULARY:,}, fp32, one thread; up to {NEW} new tokens;",
        f"torch {result['torch']}, transformers {result['transformers']}; {result['processor']}.",
        "",
        "| what | sequences | tokens each | winnow, tokens/CPU s | transformers | times |",
        "|---|--:|--:|--:|--:|--:|",
        *(
            f"| {case['kind']} | {case['rows']} | {case['tokens']:.0f} | {case['winnow_per_s']:,.0f} "
            f"| {case['transformers_per_s']:,.0f} | **{case['times']:.2f}** |"
            for case in result["cases"]
        ),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "generation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "generation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
