"""Which documents belong together: whatever shares a text, an address or a set, or stands in a pair, by any path.

Survivors of a search for duplicates can still be similar to each other: a chain of pages loses its middle and keeps its
ends, a guard or a threshold leaves a pair alone. Splits are drawn by whole components, so none of that straddles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from curate.ask.finished import FinishedRun
from curate.ask.lineage import holder
from curate.duplicates.components import components

_KEYS = ("text", "url", "set")


def edges(runs: Sequence[FinishedRun]) -> pl.DataFrame | None:
    """Pairs (left, right) of names that belong together, from the nearest run of a lineage that looked for duplicates;
    None where none did.

    A name is the id of a document, or a key that documents share, `text:...`, `url:...` or `set:...`.
    """
    found = []
    run = holder(runs, "duplicates")
    if run is not None:
        gone = run.scan("duplicates")
        found += [gone.select(left="dropped_id", right=other) for other in ("kept_id", "cluster")]
    run = holder(runs, "fingerprints")
    if run is not None:
        shared = run.scan("fingerprints")
        found += [shared.select(left="id", right=pl.format(f"{kind}:{{}}", kind)) for kind in _KEYS]
    run = holder(runs, "pairs")
    if run is not None:
        found.append(run.scan("pairs").select(left=pl.format("set:{}", "left"), right=pl.format("set:{}", "right")))
    if not found:
        return None
    return pl.concat(found).drop_nulls().collect()


def cluster_keys(ids: pl.Series, edges: pl.DataFrame) -> pl.Series:
    """The smallest id among the documents of each one's component; its own id where it stands alone. [documents]"""
    names = pl.concat([edges["left"], edges["right"]]).unique().sort()
    numbers = pl.DataFrame({"name": names}).with_row_index("number")
    left, right = (
        pl.DataFrame({"name": edges[side]}).join(numbers, on="name", how="left", maintain_order="left")["number"]
        for side in ("left", "right")
    )
    roots = components(names.len(), left.to_numpy(), right.to_numpy())
    root = numbers.select("name", root=pl.Series(roots.astype(np.int64)))
    here = pl.DataFrame({"id": ids}).join(root, left_on="id", right_on="name", how="left", maintain_order="left")
    smallest = pl.col("id").min().over("root")
    return here.select(pl.when(pl.col("root").is_null()).then(pl.col("id")).otherwise(smallest)).to_series()
