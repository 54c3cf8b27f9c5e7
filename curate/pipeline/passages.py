"""Passages that kept documents share: found once documents are decided, and cut from all but one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curate.duplicates import order
from curate.duplicates.config import Duplicates
from curate.duplicates.repeats.cuts import find_cuts
from curate.duplicates.repeats.passages import PassageWriter
from curate.duplicates.resolve import DUPLICATES
from curate.edits import Cut, Edit, compose
from curate.pipeline.decide import DUPLICATES_STEP
from curate.pipeline.late import Late, Places
from curate.pipeline.parts import part
from curate.pipeline.schemas import CUTS, UNIT_EDITS
from curate.segment import decode
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.executor import run_units
from workbench.files import sha256
from workbench.tables import write_table
from workbench.units import Report, Unit, Work, fingerprint

STEP = "curate.pipeline.passages:write_step"
REMAINDER = f"{DUPLICATES_STEP}.remainder"
_VERSION = 1
_EDIT_COLUMNS = [name for name in UNIT_EDITS if name not in ("id", "position")]


@contextmanager
def write_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Writes the kept texts of a unit, with their fingerprints, for the search."""
    config = Duplicates.model_validate(setup["config"])

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        kept = pl.read_parquet(payload["kept"], glob=False)
        begin = 0
        with PassageWriter(out, config) as writer:
            for size in payload["batches"]:
                here = kept.filter(pl.col("position").is_between(begin, begin + size, closed="left"))
                if here.height:
                    texts = part(Path(payload["measured"]) / "records.parquet", begin, size)["text"]
                    writer.write(decode(texts.gather(here["position"] - begin)), here["rank"].to_numpy())
                begin += size
                report(begin / max(sum(payload["batches"]), 1), records=writer.docs)
        return {"documents": writer.docs}

    yield work


def cut(
    after: Late,
    places: Places,
    batches: Sequence[Sequence[Sequence[int]]],
    config: Duplicates,
    *,
    directory: Path,
    jobs: int,
    on_event: Listener,
) -> None:
    """Adds to `after` what is cut of each kept document, and the drop of those of which too little is left."""
    kept = _kept(after, places, config)
    kept_files = directory / "kept"
    kept_files.mkdir(parents=True, exist_ok=True)
    units = []
    for unit, measured in enumerate(places.measured):
        path = kept_files / f"{unit:06d}.parquet"
        write_table(path, kept.filter(pl.col("unit") == unit).select("position", "rank"))
        sizes = [size[0] for size in batches[unit]]
        payload = {"measured": str(measured), "kept": str(path), "batches": sizes}
        name = fingerprint(version=_VERSION, unit=measured.name, kept=sha256(path), number=unit, config=_wanted(config))
        units.append(Unit(name, payload))
    setup = {"config": config.model_dump(mode="json")}
    written = run_units(
        STEP, units, directory=directory / "texts", step="texts", jobs=jobs, setup=setup, on_event=on_event
    )
    if failed := next((unit for unit in written if unit.failed), None):
        message = f"kept texts could not be compared: {failed.error}"
        raise UserError(message, hint="run it again: what is finished stays", code=Exit.PARTIAL)
    found = find_cuts(
        [unit.directory for unit in written],
        config,
        directory=directory,
        memory_bytes=int(config.memory_gb * 1e9),
        jobs=jobs,
        on_event=on_event,
    )
    cuts = pl.read_parquet(found, glob=False)
    names = kept.select("id", "unit", "position", "chars", "bytes").with_row_index("doc")
    names = names.with_columns(pl.col("doc").cast(pl.Int64))
    rows = cuts.join(names, on="doc", how="left", maintain_order="left").join(
        names.select(owner="doc", owner_id="id"), on="owner", how="left", maintain_order="left"
    )
    gone = _too_short(rows, config)
    _drop(after, gone, config)
    rows = rows.join(gone, on="id", how="anti", maintain_order="left")
    after.counts |= {"passages_cut": rows.height, "passages_chars": int((rows["end"] - rows["start"]).sum())}
    for (unit,), of_unit in rows.partition_by("unit", as_dict=True).items():
        of_unit = of_unit.with_columns(step=pl.lit(DUPLICATES_STEP))
        after.cuts[int(unit)] = of_unit.select(pl.col(name).cast(kind) for name, kind in CUTS.items())


def _wanted(config: Duplicates) -> dict[str, Any]:
    return config.model_dump(mode="json", include={"paragraphs", "substrings"})


def _kept(after: Late, places: Places, config: Duplicates) -> pl.DataFrame:
    """The documents that are kept so far, unit by unit in order, with their rank in the declared order."""
    parts = []
    for unit, count in enumerate(places.texts):
        rows = places.in_unit(unit, pl.DataFrame({"row": np.arange(count, dtype=np.int64)}))
        parts.append(after.kept(unit, rows))
    every = pl.concat(parts)
    return every.with_columns(rank=order.ranks(every, config.survivor, config.sources))


def _too_short(rows: pl.DataFrame, config: Duplicates) -> pl.DataFrame:
    """The documents of which less is left than a document needs, with the one that keeps most of what was theirs.

    A document that keeps a passage of others stays, however short: the passage must not vanish with its owner.
    """
    of_doc = [pl.col(name).first() for name in ("unit", "position", "chars", "bytes")]
    by_owner = rows.group_by("id", "owner_id").agg((pl.col("end") - pl.col("start")).sum().alias("cut"), *of_doc)
    short = (
        by_owner.sort("cut", "owner_id", descending=[True, False])
        .group_by("id", maintain_order=True)
        .agg(pl.col("owner_id").first(), pl.col("cut").sum(), *of_doc)
        .with_columns(left=pl.col("chars") - pl.col("cut"))
        .filter(pl.col("left") < config.min_left_chars)
    )
    return short.filter(~pl.col("id").is_in(rows["owner_id"].implode())).sort("id")


def _drop(after: Late, gone: pl.DataFrame, config: Duplicates) -> None:
    """Drops documents; duplicates they stood for go over to the document that keeps their passages."""
    after.dropped_bytes += int(gone["bytes"].sum())
    after.counts["duplicates_remainder"] = gone.height
    heirs = dict(gone.select("id", "owner_id").iter_rows())
    passed_on = pl.col("partner").is_in(gone["id"].implode()).fill_null(False)
    for unit, drops in after.drops.items():  # what was measured was the similarity to another document
        after.drops[unit] = drops.with_columns(
            *(pl.when(~passed_on).then(name).alias(name) for name in ("value", "threshold")),
            pl.col("partner").replace(heirs),
        )
    rows = gone.select(
        "unit",
        "position",
        rule=pl.lit(REMAINDER),
        value=pl.col("left").cast(pl.String),
        threshold=pl.lit(f"< {config.min_left_chars:g}"),
        partner="owner_id",
    )
    after.drop(rows)
    table = after.tables.get("duplicates", pl.DataFrame(schema=DUPLICATES))
    inherited = pl.col("kept_id").is_in(gone["id"].implode())
    table = table.with_columns(
        *(pl.when(~inherited).then(name).alias(name) for name in ("jaccard", "containment")),
        pl.col("kept_id", "cluster").replace(heirs),
    )
    own = gone.select(
        dropped_id="id",
        kept_id="owner_id",
        cluster="owner_id",
        jaccard=None,
        containment=None,
        method=pl.lit("remainder"),
    )
    own = own.select(pl.col(name).cast(kind) for name, kind in DUPLICATES.items())
    after.tables["duplicates"] = pl.concat([table, own]).sort("dropped_id")


class CutTexts(NamedTuple):
    """Some of a unit's records after passages were cut: new texts by position, their tokens, and all their edits."""

    rows: pl.DataFrame  # position, text, chars, tokens, bytes
    edits: pl.DataFrame  # UNIT_EDITS of these records


def apply_cuts(
    records: pl.DataFrame, edits: pl.DataFrame, cuts: pl.DataFrame, count: Callable[[Sequence[str]], Sequence[int]]
) -> CutTexts:
    """`records` have position, id and text; `cuts` are CUTS, in order; `count` counts tokens."""
    texts: list[tuple[int, str]] = []
    composed: list[tuple[Any, ...]] = []
    own = {position: rows for (position,), rows in edits.partition_by("position", as_dict=True).items()}
    named = dict(zip(records["position"], records.select("id", "text").iter_rows(), strict=True))
    for (position,), rows in cuts.partition_by("position", as_dict=True, maintain_order=True).items():
        key, text = named[position]
        spans = [Cut(*row) for row in rows.select("start", "end", "kind", "step").iter_rows()]
        before = own.get(position)
        found = [] if before is None else [Edit(0, *row) for row in before.select(_EDIT_COLUMNS).iter_rows()]
        composed += [(key, *edit[1:], position) for edit in compose(text, found, spans)]
        kept, at = [], 0
        for span in spans:
            kept.append(text[at : span.start])
            at = span.end
        texts.append((position, "".join([*kept, text[at:]])))
    rows = pl.DataFrame(texts, schema={"position": pl.Int64, "text": pl.String}, orient="row")
    counts = count(rows["text"].to_list())
    return CutTexts(
        rows.with_columns(
            chars=pl.col("text").str.len_chars().cast(pl.Int64),
            tokens=pl.Series(counts, dtype=pl.Int64),
            bytes=pl.col("text").str.len_bytes().cast(pl.Int64),
        ),
        pl.DataFrame(composed, schema=UNIT_EDITS, orient="row"),
    )
