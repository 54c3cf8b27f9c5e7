"""MinHash signatures on one core: against datasketch, against datatrove's stage, against the processor's arithmetic.

    python benchmarks/signatures.py --peer .bench/datatrove/bin/python

Texts: the first `--docs` of datatrove's stored verdicts on real pages, with FineWeb's settings (word 5-grams, 14 x 8).
CPU seconds of the process, best of the rounds. Writes benchmarks/results/signatures.json and .md.

1. The same shingles to both, once as 32-bit hashes (datasketch's hash function replaced by `int`; the signatures are
   compared, and equal), once to be hashed: datasketch's `update_batch` gets the distinct bytes of each document and
   hashes by its default, SHA-1; ours gets word ids, hashes every run of five and makes the sets. The permutations of
   datasketch's MinHash stand already. All pages, and those below LONG characters: long ones do not fit datasketch's
   arrays into the processor's caches.
2. From texts to files: segmentation, shingles, sets, signatures, bands, keys and sets written (`Signer`,
   `UnitWriter`), against datatrove's `MinhashDedupSignature` over ready documents.
3. The arithmetic limit: multiply, add and least value of registers alone, nothing read or mixed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from datasketch import MinHash
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from curate.duplicates.config import Duplicates, Near
from curate.duplicates.minhash import LANES, permutations, signatures
from curate.duplicates.shingles import distinct, shingles, tokens
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter
from curate.segment import Segments, surfaces

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PEER = HERE / "peers" / "datatrove_minhash.py"
BATCH = 256
PERMUTATIONS = 112
LONG = 100_000
CHAINS = 12  # vectors that hide each other's latency in registers
SEED = 1
STEPS = 1_000_000


def best(rounds: int, work: Callable[[], Any]) -> float:
    """CPU seconds of the fastest round, after one that compiles."""
    work()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


@intrinsic
def _registers(context: Any, row: Any, steps: Any) -> Any:
    """`steps` rounds of x = f x + s and a least x for CHAINS vectors x, which begin with the values of `row`."""
    vector = ir.VectorType(ir.IntType(32), LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        places = [
            builder.bitcast(builder.gep(start, [ir.IntType(64)(i * LANES)]), vector.as_pointer())
            for i in range(CHAINS + 2)
        ]
        factor, summand, *begins = [builder.load(place, align=4) for place in places]
        values = [cgutils.alloca_once_value(builder, begin) for begin in begins]
        least = [cgutils.alloca_once_value(builder, begin) for begin in begins]
        with cgutils.for_range(builder, arguments[1]):
            for place, lowest in zip(values, least, strict=True):
                value = builder.add(builder.mul(factor, builder.load(place)), summand)
                before = builder.load(lowest)
                builder.store(value, place)
                builder.store(builder.select(builder.icmp_unsigned("<", value, before), value, before), lowest)
        for place, lowest in zip(places[2:], least, strict=True):
            builder.store(builder.load(lowest), place, align=4)
        return context.get_dummy_value()

    return types.void(row, types.int64), generate


@njit
def _limit(row: Any, steps: int) -> None:
    _registers(row, steps)


def limit(rounds: int) -> float:
    """Evaluations per second of one core where nothing but their arithmetic is done."""
    row = np.random.RandomState(0).randint(0, 1 << 32, (CHAINS + 2) * LANES, dtype=np.uint32)
    return STEPS * CHAINS * LANES / best(rounds, lambda: _limit(row, STEPS))


def against_datasketch(texts: list[str], rounds: int) -> dict[str, float]:
    """CPU seconds to make the signatures of the same sets, and the number of shingles."""
    segments = Segments(texts)
    words_of = tokens(segments, Near())
    hashes, first = distinct(*shingles(words_of, Near().ngram))
    a, b = permutations(PERMUTATIONS, SEED)
    ints = [hashes[begin:end].tolist() for begin, end in pairwise(first.tolist())]
    lowered = ([word.lower() for word in surfaces(segments.text, segments.words_uax29, d)] for d in range(len(texts)))
    runs = [[words[i : i + 5] for i in range(len(words) - 4)] for words in lowered]
    raw = [sorted({" ".join(run).encode() for run in of_one}) for of_one in runs]
    empty = {hash_: MinHash(PERMUTATIONS, seed=SEED, hashfunc=hash_) for hash_ in (int, None)}

    def theirs(sets: list[Any], hash_: Any) -> list[MinHash]:
        made = [empty[hash_].copy() for _ in sets]
        for minhash, values in zip(made, sets, strict=True):
            minhash.update_batch(values)
        return made

    found = signatures(hashes, first, a, b)
    assert all(np.array_equal(m.hashvalues, row) for m, row in zip(theirs(ints, int), found, strict=True))
    return {
        "docs": len(texts),
        "shingles": len(hashes),
        "ours_s": best(5 * rounds, lambda: signatures(hashes, first, a, b)),
        "ours_hashing_s": best(rounds, lambda: signatures(*distinct(*shingles(words_of, Near().ngram)), a, b)),
        "datasketch_s": best(rounds, lambda: theirs(ints, int)),
        "datasketch_hashing_s": best(rounds // 2, lambda: theirs(raw, None)),
    }


def whole_stage(texts: list[str], rounds: int, fold: str) -> float:
    """CPU seconds from texts to the files of a signed unit."""
    signer = Signer(Duplicates.model_validate({"near": {"enabled": True, "fold": fold}}))

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder, UnitWriter(Path(folder), signer.bands) as writer:
            for begin in range(0, len(texts), BATCH):
                batch = texts[begin : begin + BATCH]
                writer.write(signer.sign(Segments(batch), [None] * len(batch)))

    return best(rounds, work)


def peer(python: Path, texts: list[str], rounds: int) -> float:
    """CPU seconds of datatrove's stage, best of the rounds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(texts), encoding="utf-8")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        command = [str(python), str(PEER), str(path), str(rounds)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return min(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("WINNOW_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    parser.add_argument("--pages", type=Path, default=data / "peer-decisions" / "datatrove-0.10.1.jsonl.zst")
    parser.add_argument("--peer", type=Path, help="a Python that has datatrove 0.10.1 with its processing extra")
    parser.add_argument("--docs", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    import zstandard

    with zstandard.open(options.pages, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line, _ in zip(lines, range(options.docs), strict=False)]
    result: dict[str, Any] = {"docs": len(texts), "chars": sum(map(len, texts)), "limit_per_s": limit(options.rounds)}
    result["all"] = against_datasketch(texts, options.rounds)
    result["shorter"] = against_datasketch([text for text in texts if len(text) < LONG], options.rounds)
    result |= {f"stage_{fold}_s": whole_stage(texts, options.rounds, fold) for fold in ("lower", "fineweb")}
    if options.peer:
        result["datatrove_s"] = peer(options.peer, texts, 2)
    report(result)


def report(result: dict[str, Any]) -> None:
    """Print the table and write it with the raw numbers."""
    docs, chars = result["docs"], result["chars"]
    shingled = result["all"]["shingles"] / docs
    of_sets = []
    for name, part in ((f"all {docs:,}", result["all"]), (f"below {LONG:,} characters", result["shorter"])):
        evaluations = part["shingles"] * PERMUTATIONS
        part["share_of_limit"] = evaluations / result["limit_per_s"] / part["ours_s"]
        for given, suffix in (("hashes", "s"), ("words, bytes", "hashing_s")):
            ours, theirs = part[f"ours_{suffix}"], part[f"datasketch_{suffix}"]
            of_sets.append(
                f"| {name} | {given} | {1e3 * ours:.2f} | {1e3 * theirs:.0f} | {evaluations / ours:.2e} "
                f"| {evaluations / theirs:.2e} | **{theirs / ours:.0f}** |"
            )
    of_stages = [
        ("winnow, words in lower case", result["stage_lower_s"]),
        ("winnow, FineWeb's folding", result["stage_fineweb_s"]),
    ]
    if "datatrove_s" in result:
        of_stages.append(("datatrove 0.10.1, MinhashDedupSignature", result["datatrove_s"]))
    slowest = max(seconds for _, seconds in of_stages[:2])
    lines = [
        "# Signatures, one core",
        "",
        f"{docs:,} pages, each {chars / docs:,.0f} characters and {shingled:,.0f} distinct word 5-grams",
        f"on average; {PERMUTATIONS} permutations in 14 x 8; CPU seconds, best of the rounds; {processor()}.",
        "",
        "The same shingles to both; evaluations are of one permutation of one shingle:",
        "",
        "| pages | given | winnow, ms | datasketch, ms | winnow, evaluations/s | datasketch | times |",
        "|---|---|---:|---:|---:|---:|---:|",
        *of_sets,
        "",
        f"Registers alone evaluate {result['limit_per_s']:.2e} a second (a multiplication, an addition and a least",
        f"value each): from hashes, winnow reaches **{result['all']['share_of_limit']:.0%}** of it over all pages,",
        f"{result['shorter']['share_of_limit']:.0%} over the shorter ones.",
        "",
        "From texts to files:",
        "",
        "| program | CPU s | documents/s | MB of characters/s | core-hours/TB |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {name} | {s:.3f} | {docs / s:,.0f} | {chars / s / 1e6:.2f} | {s / chars * 1e12 / 3600:,.0f} |"
            for name, s in of_stages
        ),
    ]
    if "datatrove_s" in result:
        result["stage_ratio"] = result["datatrove_s"] / slowest
        lines += ["", f"datatrove / winnow, the slower of the two: **{result['stage_ratio']:.0f}**"]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "signatures.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "signatures.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def processor() -> str:
    """What the processor calls itself."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.open() if "model name" in line] if info.exists() else []
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
