"""Is the order in which a file lists its examples likelier to a model than other orders of them?

The sharded comparison of Oren et al. (arXiv 2310.17623, section 3.2): whoever has not read the file finds one order
as likely as another, if the order was drawn by chance.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from scipy.special import stdtr  # type: ignore[import-untyped, unused-ignore]

from curate.sources.packed import unpacked
from curate.sources.rows import read_bytes
from evalkit.models.computed import Computed
from evalkit.models.types import Floats, Model, Windows
from evalkit.statistics.intervals import NAN, Estimate, t_quantile
from workbench.errors import Exit, UserError
from workbench.units import Report, Unit, Work, fingerprint

VERSION = 1
SHARDS, PERMUTATIONS, CONTEXT, STRIDE, MOST = 50, 250, 2048, 1024, 5000
"""Those of the authors' code."""
LEVEL, BLIND = 0.05, 0.01
_TOGETHER = 1 << 17  # tokens of orders that are planned at a time


@dataclass(frozen=True, slots=True)
class Ordered:
    """The comparison. differences: of each shard, in nats. mean: of them, with Student's interval. p: one-sided."""

    differences: tuple[float, ...]
    mean: Estimate
    t: float
    p: float


def compare_orders(canonical: Floats, shuffled: Floats, *, ddof: int = 1) -> Ordered:
    """The test. canonical: float64 [shards], log-probability of each shard in the order of the file. shuffled: float64
    [shards, permutations], in other orders.

    t = mean / s * sqrt(shards) of canonical - mean over permutations, p = 1 - T(t) with shards - 1 degrees of freedom.
    ddof=0 is the authors' s, which finds an order too often: in 6.5 % of innocent files at 5 % and 5 shards. Shards
    that do not differ at all have no t, and p = 1.
    """
    off = np.asarray(canonical, np.float64) - np.asarray(shuffled, np.float64).mean(1)
    shards = len(off)
    assert shards > 1, "one shard has no spread"
    value, spread = float(off.mean()), float(off.std(ddof=ddof))
    error = float(off.std(ddof=1)) / shards**0.5
    half = t_quantile(0.95, shards - 1) * error
    t = value / spread * shards**0.5 if spread > 0 else NAN
    p = 1.0 if t != t else float(1 - stdtr(shards - 1, t))
    return Ordered(tuple(off.tolist()), Estimate(value, value - half, value + half, error, shards, method="t"), t, p)


def read_examples(path: Path, field: str | None = None, most: int = MOST) -> list[str]:
    """The first examples of a file (also .gz, .zst) in its order: a JSON list of texts, or lines and their line ends.

    field: of JSON lines, the field that is the example (a line end is added). UserError with the line for what is none.
    """
    try:
        data = unpacked(path, read_bytes(path)).decode("utf-8")
    except UnicodeDecodeError:
        raise UserError("this is no text in UTF-8", hint="name a text file", code=Exit.INPUT, file=path) from None
    if path.suffix == ".json":
        try:
            rows = json.loads(data)
        except (ValueError, RecursionError):
            rows = None
        if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
            raise UserError("this is no JSON list of texts", hint="or name a file of lines", code=Exit.INPUT, file=path)
        return rows[:most]
    # At line feeds only: other separators may stand in a text.
    lines = [(number, f"{line}\n") for number, line in enumerate(data.split("\n"), 1) if line.strip()][:most]
    if field is None:
        return [line for _, line in lines]
    return [_field(line, field, path, number) for number, line in lines]


def _field(line: str, field: str, path: Path, number: int) -> str:
    try:
        value = json.loads(line)[field]
    except (ValueError, KeyError, TypeError, RecursionError):
        value = None
    if not isinstance(value, str):
        hint = "name the field that every row has with --field"
        raise UserError(f"no text in the field '{field}'", hint=hint, code=Exit.INPUT, file=path, line=number)
    return value + "\n"


@dataclass(frozen=True)
class Plan:
    """Who is compared with whom. orders: of each shard, its permutations as places in the shard."""

    examples: Sequence[str]
    bounds: Sequence[tuple[int, int]]
    orders: Sequence[Sequence[Sequence[int]]]
    windows: Windows

    @classmethod
    def of(cls, examples: Sequence[str], shards: int, permutations: int, seed: int, windows: Windows) -> Plan:
        """Shards in order, the first few with one example more; all permutations from one generator, shard by shard.

        UserError where there are not two shards of two examples.
        """
        if shards < 2 or len(examples) < 2 * shards:
            hint = "take fewer shards (at least 2), or more examples"
            raise UserError(f"{len(examples):,} examples are too few for {shards} shards", hint=hint, code=Exit.INPUT)
        sizes = [len(examples) // shards + (number < len(examples) % shards) for number in range(shards)]
        bounds = list(pairwise(np.cumsum([0, *sizes]).tolist()))
        source = random.Random(seed)
        orders = [[source.sample(range(size), size) for _ in range(permutations)] for size in sizes]
        return cls(tuple(examples), bounds, orders, windows)

    def units(self, model: Model) -> list[Unit]:
        """A unit a shard, named by all that its numbers depend on."""
        asked = {"context": self.windows.context, "stride": self.windows.stride}
        found = []
        for number, (begin, end) in enumerate(self.bounds):
            texts = xxhash.xxh3_128_hexdigest(json.dumps(self.examples[begin:end]).encode())
            orders = xxhash.xxh3_128_hexdigest(np.array(self.orders[number], np.int64).tobytes())
            key = fingerprint(step=VERSION, model=model.digest, shard=number, texts=texts, orders=orders, **asked)
            found.append(Unit(key, {"shard": number}))
        return found

    def compressed(self) -> Ordered:
        """The same test with a compressor in place of the model: who knows nothing must not find the order."""
        canonical, shuffled = [], []
        for (begin, end), orders in zip(self.bounds, self.orders, strict=True):
            texts = [text.encode("utf-8", "surrogatepass") for text in self.examples[begin:end]]
            canonical.append(-float(len(zlib.compress(b"".join(texts)))))
            shuffled.append([-float(len(zlib.compress(b"".join(texts[at] for at in order)))) for order in orders])
        return compare_orders(np.array(canonical), np.array(shuffled))


@contextmanager
def shard(setup: dict[str, Any]) -> Iterator[Work]:
    """The step: `model` and `plan` are handed over as they are, in this process."""
    model: Model = setup["model"]
    plan: Plan = setup["plan"]
    score = _score_ids if isinstance(model, Computed) else _score_texts

    def work(payload: dict[str, Any], out: Path, progress: Report) -> dict[str, Any]:
        begin, end = plan.bounds[payload["shard"]]
        texts = plan.examples[begin:end]
        orders = [list(range(len(texts))), *plan.orders[payload["shard"]]]
        totals = []
        for number, total in enumerate(score(model, texts, orders, plan.windows)):
            totals.append(total)
            progress((number + 1) / len(orders), orders=number + 1)
        return {"canonical": totals[0], "shuffled": totals[1:]}

    yield work


def _score_ids(model: Any, texts: Sequence[str], orders: Sequence[Sequence[int]], windows: Windows) -> Iterator[float]:
    """Each example is encoded alone, with what begins a text, so that all orders have the same tokens."""
    ids = model.encode(texts)
    length = max(sum(map(len, ids)), 1)
    step = max(_TOGETHER // length, 1)
    for first in range(0, len(orders), step):
        some = [[token for at in order for token in ids[at]] for order in orders[first : first + step]]
        found = dict(model.sequences(some, windows))
        yield from (found[number] for number in range(len(some)))


def _score_texts(
    model: Model, texts: Sequence[str], orders: Sequence[Sequence[int]], windows: Windows
) -> Iterator[float]:
    """A model elsewhere is given the examples as one text."""
    joined = ["".join(texts[at] for at in order) for order in orders]
    found = dict(model.rolling(joined, Windows(windows.context, windows.stride, "none")))
    for number in range(len(joined)):
        error = found[number].error
        if error is not None:
            raise UserError(f"{model.name} gives no log-probabilities: {error}", code=Exit.PARTIAL)
        yield found[number].total


def verdict(found: Ordered, blind: Ordered) -> str:
    """What the test at 5 % allows to say; the compressor's has to be surer, for it only guards the first."""
    if blind.p < BLIND:
        return "cannot tell: the order of the file is no chance order, a compressor finds it too"
    if found.p < LEVEL:
        return "the order of the file is known to the model"
    return "no evidence that the model knows the order of the file"
