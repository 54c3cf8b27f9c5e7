"""Near-duplicates stay on one side: documents that a curate run tied together fall into one split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from workbench.runs import Run


def cluster_keys(ids: pl.Series, runs: Sequence[Run]) -> pl.Series | None:
    """The smallest id among the documents that each is tied to by any path; its own where it stands alone. [documents]

    Documents are tied by what the tables of the nearest run of the lineage say: a removed duplicate (`duplicates`), a
    shared text, address or shingle set (`fingerprints`), a verified pair (`pairs`). None where no run looked.
    """
    edges = _edges(runs)
    if edges is None:
        return None
    from scipy.sparse import coo_array  # type: ignore[import-untyped, unused-ignore]
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped, unused-ignore]

    names = pl.concat([edges["left"], edges["right"]]).unique().sort()
    kind = pl.Enum(names)
    left, right = (edges[side].cast(kind).to_physical().to_numpy() for side in ("left", "right"))
    links = coo_array(([1] * len(left), (left, right)), shape=(len(names), len(names)))
    _, roots = connected_components(links, directed=False)
    root = pl.DataFrame({"name": names, "root": roots})
    here = pl.DataFrame({"id": ids}).join(root, left_on="id", right_on="name", how="left", maintain_order="left")
    smallest = pl.col("id").min().over("root")
    return here.select(pl.when(pl.col("root").is_null()).then("id").otherwise(smallest)).to_series()


def _edges(runs: Sequence[Run]) -> pl.DataFrame | None:
    """Pairs (left, right) of names: the id of a document, or what documents share, as `text:...`."""
    found = []
    if (gone := _scan(runs, "duplicates")) is not None:
        found += [gone.select(left="dropped_id", right=other) for other in ("kept_id", "cluster")]
    if (shared := _scan(runs, "fingerprints")) is not None:
        found += [shared.select(left="id", right=pl.format(f"{key}:{{}}", key)) for key in ("text", "url", "set")]
    if (pairs := _scan(runs, "pairs")) is not None:
        found.append(pairs.select(left=pl.format("set:{}", "left"), right=pl.format("set:{}", "right")))
    return pl.concat(found).drop_nulls().collect() if found else None


def _scan(runs: Sequence[Run], table: str) -> pl.LazyFrame | None:
    for run in runs:
        assert run.manifest is not None
        listed = sorted(entry.path for entry in run.manifest.outputs)
        files = [run.path / path for path in listed if Path(path).parent.as_posix() == table]
        if files:
            return pl.scan_parquet(files, glob=False)
    return None
