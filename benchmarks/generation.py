"""Rollouts: tokens a second, against `generate` of transformers on the same weights and prompts.

    python benchmarks/generation.py          # where transformers is installed too

Llamas of three sizes with random weights, in fp32 or bf16, on one thread or two. Both draw from the whole softmax at
temperature 1, or take the likeliest token. The two go by turns; each figure is all tokens of the rounds over the
seconds that they took: CPU seconds of the process, and seconds of the clock, which other work on the machine lengthens.
First both continue prompts greedily in fp32: the tokens must be the same.

1. Rollouts: prompts of 16 to 96 tokens, four samples of each, up to 128 new tokens, ended by any of one in 64 tokens.
   Tokens after a sequence's end are not counted.
2. Of fixed length: prompts of 64 tokens, 128 new ones, nothing ends before.

Writes benchmarks/results/generation.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `train` sets it for itself; it serves both sides

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

from train.generate import Sampler
from train.model.build import build
from train.model.config import ModelConfig
from train.sampler import Params

RESULTS = Path(__file__).parent / "results"
NEW, SAMPLES, WARM = 128, 4, 8
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SIZES = {
    "1M": ModelConfig.preset(2, 4096, tied=False),
    "14M": ModelConfig.preset(6, 8192, tied=False),
    "60M": ModelConfig.preset(10, 16384, tied=False),
}
Prompts = Sequence[Sequence[int]]


class Case(NamedTuple):
    """What is measured: a size, sequences at a time, whether they end by themselves, and how they are drawn."""

    size: str
    rows: int
    ends: bool = True
    dtype: str = "fp32"
    greedy: bool = False
    threads: int = 1

    @property
    def name(self) -> str:
        """For the table."""
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        kind = "rollouts" if self.ends else "fixed length"
        return f"{kind}{', likeliest token' if self.greedy else ''}, {self.dtype}{threads}"


CASES = [
    *(Case(size, rows) for size in SIZES for rows in (8, 32) if (size, rows) != ("60M", 32)),
    *(Case("14M", rows, ends=False) for rows in (8, 32)),
    *(Case("14M", rows, ends=False, greedy=True) for rows in (8, 32)),
    *(Case("14M", rows, dtype="bf16") for rows in (8, 32)),
    *(Case("14M", rows, threads=2) for rows in (8, 32)),
]


class NoText:
    """Rollouts are tokens here; what they say is not asked."""

    eos = None

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        return ""


def models(size: str, dtype: str) -> tuple[Any, LlamaForCausalLM]:
    """The same weights twice; logits have a spread of 1."""
    config = SIZES[size]
    ours = build(config, seed=0).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, weight in ours.state_dict().items():
        if weight.dim() == 2:
            weight.normal_(0, config.hidden_size**-0.5 if "lm_head" in name else 0.04, generator=generator)
    theirs = LlamaForCausalLM(LlamaConfig(**config.to_hf())).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    theirs.generation_config.eos_token_id = None
    return ours.to(DTYPES[dtype]), theirs.to(DTYPES[dtype])


def their_ids(
    model: LlamaForCausalLM, prompts: Prompts, samples: int, ends: Sequence[int], *, greedy: bool, new: int = NEW
) -> Any:
    """New tokens [prompts * samples, new], through left padding."""
    width = max(map(len, prompts))
    tokens = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    drawn = {"do_sample": False} if greedy else {"do_sample": True, "top_k": 0, "num_return_sequences": samples}
    found = model.generate(
        tokens, attention_mask=mask, max_new_tokens=new, eos_token_id=list(ends) or None, pad_token_id=0, **drawn
    )
    return found[:, width:]


def counted(found: torch.Tensor, ends: Sequence[int]) -> int:
    """Tokens up to the end of each sequence."""
    is_end = torch.isin(found, torch.tensor(list(ends) or [-1]))
    first = torch.where(is_end.any(-1), is_end.int().argmax(-1) + 1, found.shape[1])
    return int(first.sum())


def timed(work: Callable[[], int]) -> tuple[int, float, float]:
    """Tokens, CPU seconds, seconds of the clock."""
    began, begin = time.perf_counter(), time.process_time()
    tokens = work()
    return tokens, time.process_time() - begin, time.perf_counter() - began


def one_round(
    case: Case, ours: Any, theirs: LlamaForCausalLM, number: int, new: int = NEW
) -> dict[str, tuple[int, float, float]]:
    """What `timed` says of both, on prompts that the number decides."""
    vocabulary = SIZES[case.size].vocab_size
    ends = range(64, vocabulary, 64) if case.ends else ()
    samples = SAMPLES if case.ends else 1
    count = case.rows // samples
    generator = torch.Generator().manual_seed(1000 * number + case.rows)
    lengths = torch.randint(16, 97, (count,), generator=generator).tolist() if ends else [64] * count
    drawn = [torch.randint(1, vocabulary, (length,), generator=generator).tolist() for length in lengths]
    prompts = [[token - (token % 64 == 0) for token in prompt] for prompt in drawn]
    sampler = Sampler(ours, NoText(), end_ids=ends or [vocabulary], rows=case.rows)
    params = Params(max_new=new, temperature=0.0 if case.greedy else 1.0)

    def our_work() -> int:
        return sum(len(one.ids) for one in sampler.generate(prompts, params, seed=number, n=samples))

    def their_work() -> int:
        torch.manual_seed(number)
        return counted(their_ids(theirs, prompts, samples, ends, greedy=case.greedy, new=new), ends)

    return {"winnow": timed(our_work), "transformers": timed(their_work)}


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Tokens a second of both over the rounds; a short one before them warms both up."""
    torch.set_num_threads(case.threads)
    ours, theirs = models(case.size, case.dtype)
    if case.dtype == "fp32":
        check(ours, theirs)
    one_round(case, ours, theirs, 0, WARM)
    found = [one_round(case, ours, theirs, number) for number in range(1, rounds + 1)]
    told: dict[str, Any] = {**case._asdict(), "name": case.name}
    for name in ("winnow", "transformers"):
        tokens, cpu, clock = (sum(values) for values in zip(*(each[name] for each in found), strict=True))
        told |= {f"{name}_tokens": tokens, f"{name}_per_cpu_s": tokens / cpu, f"{name}_per_s": tokens / clock}
    told["times"] = told["winnow_per_cpu_s"] / told["transformers_per_cpu_s"]
    told["times_by_clock"] = told["winnow_per_s"] / told["transformers_per_s"]
    return told


def check(ours: Any, theirs: LlamaForCausalLM) -> None:
    """Greedy continuations are the same tokens."""
    prompts = [list(range(1, 20)), [5], list(range(300, 340))]
    wanted = their_ids(theirs, prompts, 1, (), greedy=True).tolist()
    sampler = Sampler(ours, NoText(), end_ids=[ours.config.vocab_size])
    assert [one.ids for one in sampler.generate(prompts, Params(max_new=NEW, temperature=0))] == wanted


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    transformers.logging.set_verbosity_error()
    found = []
    for case in CASES:
        found.append(measure(case, rounds))
        print(case.size, case.rows, case.name, f"{found[-1]['times']:.2f}", flush=True)
    report({"transformers": transformers.__version__, "torch": torch.__version__, "cases": found})


def report(result: dict[str, Any]) -> None:
    """Print the table and write it with the raw numbers."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.open() if "model name" in line] if info.exists() else []
    result["processor"] = names[0] if names else platform.processor()
    result["matmul_parameters"] = {size: config.parameters()["matmul"] for size, config in SIZES.items()}
    sizes = ", ".join(f"{count / 1e6:.1f}M" for count in result["matmul_parameters"].values())
    lines = [
        "# Generation",
        "",
        f"Models of {sizes} parameters in matrix products; up to {NEW} new tokens; one thread where no other number is",
        f"said; torch {result['torch']}, transformers {result['transformers']}; {result['processor']}.",
        "",
        "| model | sequences | what | tokens | winnow, tokens/CPU s | transformers | times | by the clock |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
        *(
            f"| {case['size']} | {case['rows']} | {case['name']} | {case['winnow_tokens']:,} "
            f"| {case['winnow_per_cpu_s']:,.0f} | {case['transformers_per_cpu_s']:,.0f} "
            f"| **{case['times']:.2f}** | {case['times_by_clock']:.2f} |"
            for case in result["cases"]
        ),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "generation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "generation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
