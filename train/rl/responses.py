"""One rollout: what the policy said, what it was worth, and the rows of tokens that are learned from it.

    rollouts/step-00000012.parquet      what was sampled before that optimizer step, one row a response

prompt_id, sample, prompt, response, reason; prompt_ids and ids (the response's tokens with the one that ends it); by
token logps, ref_logps, advantages and with a critic old_values and returns; score, part.<name>, kl (nats a response),
advantage (the mean over its tokens). The schema's metadata `winnow` holds what is told of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor

from train.data.batch import IGNORED, Batch
from train.data.packing import Ints
from train.preferences.rows import Responses, Sequenced, collate, grouped
from workbench.errors import Exit, UserError

BY_TOKEN = ("old_logps", "ref_logps", "advantages", "old_values", "returns")
TOLD = "told."
_META = b"winnow"


def file_of(folder: Path, step: int) -> Path:
    """The file of the rollout made before an optimizer step."""
    return folder / f"step-{step:08d}.parquet"


def arrow(columns: Mapping[str, Any], meta: Mapping[str, Any]) -> pa.Table:
    """The table of a rollout: texts, numbers (fp64), and lists by token (int32, fp32)."""
    kinds = {"sample": pa.int32(), "prompt_ids": pa.list_(pa.int32()), "ids": pa.list_(pa.int32())}
    kinds |= {name: pa.list_(pa.float32()) for name in BY_TOKEN}
    kinds |= {name: pa.string() for name in ("prompt_id", "prompt", "response", "reason")}
    fields = [pa.field(name, kinds.get(name, pa.float64())) for name in columns]
    return pa.table(dict(columns), pa.schema(fields, {_META: json.dumps(dict(meta)).encode()}))


def meta_of(path: Path) -> dict[str, Any]:
    """What is told of a stored rollout as a whole; UserError (exit 4) where there is none or it is damaged."""
    try:
        found = json.loads((pq.read_schema(path).metadata or {})[_META])
        assert isinstance(found, dict)
        return found
    except (OSError, pa.ArrowException, KeyError, ValueError, AssertionError):
        raise _damaged(path) from None


def _read(path: Path) -> pa.Table:
    """The table of a file whose end has told what it is; its body may still be damaged."""
    try:
        found = pq.read_table(path)
        lengths = pc.list_value_length(found["ids"])
        by_token = [name for name in BY_TOKEN if name in found.column_names]
        assert all(lengths.equals(pc.list_value_length(found[name])) for name in by_token)
        assert {"prompt_id", "sample", "prompt_ids", "old_logps", "ref_logps", "advantages"} <= set(found.column_names)
        return found
    except (OSError, pa.ArrowException, KeyError, AssertionError):
        raise _damaged(path) from None


def _damaged(path: Path) -> UserError:
    hint = "remove the run's checkpoints after it and go on, or start again with --force"
    return UserError("this rollout is missing or damaged", hint=hint, code=Exit.INPUT, file=path)


class Rollout:
    """A stored rollout in memory."""

    def __init__(self, path: Path | None, table: pa.Table | None = None) -> None:
        if table is None:
            assert path is not None
            self.meta = meta_of(path)
            table = _read(path)
        else:
            self.meta = json.loads(table.schema.metadata[_META])
        prompts, ids = table["prompt_ids"].to_pylist(), table["ids"].to_pylist()
        names = [
            f"{name} ({sample})"
            for name, sample in zip(table["prompt_id"].to_pylist(), table["sample"].to_pylist(), strict=True)
        ]
        self.responses = sequenced(names, prompts, ids)
        self.by_token = {name: _lists(table[name]) for name in BY_TOKEN if name in table.column_names}

    def __len__(self) -> int:
        return len(self.responses)

    def batches(self, numbers: Ints, *, width: int, micro_tokens: int, fresh: bool) -> list[Batch]:
        """Responses packed into rows of at most `width`; what belongs to tokens stands where their labels are.

        fresh: the weights are those that sampled. The extras `told.<name>` are figures of the whole rollout.
        """
        told = {TOLD + name: torch.tensor([float(value)]) for name, value in self.meta["told"].items()}
        found = []
        for group in grouped(self.responses, numbers, micro_tokens):
            batch = collate(self.responses, group, width)
            kept, order = batch.labels != IGNORED, order_of(batch)
            extras = {
                name: torch.zeros(batch.labels.shape).masked_scatter(kept, torch.cat([values[one] for one in order]))
                for name, values in self.by_token.items()
            }
            extras |= told | {"fresh": torch.tensor([fresh])}
            weight = float(kept.sum())
            found.append(Batch(batch.tokens, batch.labels, batch.positions, batch.docs, weight, batch.names, extras))
        return found


def sequenced(names: list[str], prompts: list[list[int]], ids: list[list[int]]) -> Responses:
    """Responses as rows of tokens are made of, each of a name of its own and compared with nothing."""
    whole = [[Sequenced([*prompt, *said], len(prompt))] for prompt, said in zip(prompts, ids, strict=True)]
    return Responses(names, whole, [[] for _ in names])


def order_of(batch: Batch) -> list[int]:
    """The responses (their numbers in the table) whose labels follow one another in `labels[labels != IGNORED]`."""
    places = torch.unique_consecutive(batch.extras["sequence"][batch.labels != IGNORED])
    return batch.extras["responses"][places].tolist()


def _lists(column: pa.ChunkedArray) -> list[Tensor]:
    return [torch.from_numpy(np.array(one.values, np.float32)) for one in column]
