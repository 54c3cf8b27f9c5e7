"""Against the data that a checkpoint was trained on: which items stand there, how often they were read, and what the
model scores on those and on the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.contamination import scan, tables
from curate.contamination.items import parts_of
from curate.contamination.match import Matcher
from curate.contamination.variants import Variant
from evalkit.contamination.asked import Wanted, settings_of, sought, wanted_items
from evalkit.contamination.reading import Reading, past, texts
from evalkit.contamination.record import Found, Where, record
from evalkit.contamination.spoken import Spoken
from evalkit.run.rows import SCORES, label, read_rows, read_summary
from evalkit.run.summarise import estimates
from evalkit.statistics.intervals import mean
from workbench import manifest
from workbench.events import Listener
from workbench.runs import Run

if TYPE_CHECKING:
    import polars as pl

KIND = "eval.contamination.known"
VERSION = 1
SETS = ("all", "clean", "dirty", "untestable")


def check_known(
    evaluation: Path, variant: Variant, where: Where, *, base: Path, model: str | None = None, jobs: int = 1
) -> tuple[Run, dict[str, Any]]:
    """Look for the items of a finished evaluation in all that its model has read.

    model: the checkpoint whose past is looked at, where it is not the one that the evaluation names. base: what paths
    of its settings are relative to. Raises UserError as `past` and `wanted_items`.
    """
    settings, summary = settings_of(evaluation), read_summary(evaluation)
    history = past(model or settings.model, where.root, best=settings.best and model is None)
    wanted = wanted_items(evaluation, settings, where.root, base)
    asked = Run.open(evaluation, where.root)
    recipe = {
        "evaluation": manifest.digest(evaluation),
        "read": [{"run": one.run.id, "step": one.step, "tokens": one.digest} for one in history.readings],
        "variant": variant.model_dump(mode="json"),
        "version": VERSION,
    }

    def find(scratch: Path, tell: Listener) -> Found:
        import polars as pl

        spans, by_item, documents = search(history.readings, wanted, variant, scratch, jobs, tell)
        rows = _by_item(wanted, by_item, spans)
        told = _told(evaluation, summary["tasks"], rows)
        about = {
            "evaluation": asked.id,
            "model": {"name": model or settings.model, "digest": summary["model"]["digest"]},
            "variant": variant.name,
            "documents": documents,
            "read": [_source(one) for one in history.readings],
            "unread": history.unread,
            "tasks": told,
        }
        counts = {"documents": documents, "items": rows.height, "spans": spans.height}
        counts["items_contaminated"] = rows.filter(pl.col("set") == "dirty").height
        return Found(about, {"items": rows, "spans": spans}, counts)

    parents = {one.path.resolve(): one for one in [asked, *(each.run for each in history.readings)]}
    return record(KIND, recipe, where, find, parents=list(parents.values()))


def search(
    readings: Sequence[Reading | Spoken],
    wanted: Sequence[Wanted],
    variant: Variant,
    scratch: Path,
    jobs: int,
    tell: Listener,
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Where texts of the items stand (a row a place, with document, part, run and reads), a row for every text looked
    for, and how many documents there were."""
    import polars as pl

    shards = texts(readings, scratch, tell)
    items = sought(wanted)
    parts = parts_of(items)
    matcher = Matcher.of(parts, variant)
    key = variant.model_dump_json() + repr([(part.kind, part.text) for part in parts])
    found, weights, documents = scan.find(
        shards, matcher, directory=scratch / "search", key=key, jobs=jobs, listener=tell
    )
    spans = tables.contamination(found, parts, items, matcher).rename({"item": "place"}).drop("suite")
    by_item = tables.by_item(found, parts, items, matcher, weights).rename({"item": "place"}).drop("suite")
    names = spans["id"].str.split_exact(":", 1)
    number, document = (names.struct.field(f"field_{at}").cast(pl.Int64).to_list() for at in (0, 1))
    reads = [reading.reads() for reading in readings]
    columns: dict[str, list[Any]] = {"run": [], "source": [], "document": [], "reads": []}
    for which, at in zip(number, document, strict=True):
        columns["run"].append(readings[which].run.id)
        columns["source"].append(readings[which].source(at))
        columns["document"].append(readings[which].name(at))
        columns["reads"].append(float(reads[which][at]))
    schema = {"run": pl.String, "source": pl.String, "document": pl.String, "reads": pl.Float64}
    return pl.concat([pl.DataFrame(columns, schema), spans.drop("id")], how="horizontal"), by_item, documents


def _by_item(wanted: Sequence[Wanted], by_item: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """A row an item: which set it belongs to, its best score, and how often documents that hold it were read."""
    import polars as pl

    items = pl.DataFrame(
        [(one.task, one.item, one.place) for one in wanted],
        {"task": pl.String, "item": pl.String, "place": pl.Int64},
        orient="row",
    )
    # A document that holds question and answer, or an item twice, was read but once.
    each = spans.unique(["place", "run", "document"], keep="first", maintain_order=True)
    held = each.group_by("place").agg(reads=pl.col("reads").sum(), places=pl.len().cast(pl.Int64))
    testable = pl.col("testable") | pl.col("answer_testable")
    state = pl.when("contaminated").then(pl.lit("dirty")).when(testable).then(pl.lit("clean"))
    joined = items.join(by_item, on="place", how="left", maintain_order="left")
    joined = joined.join(held, on="place", how="left", maintain_order="left")
    return joined.with_columns(set=state.otherwise(pl.lit("untestable"))).select(
        *("task", "item", "place", "set", "words", "common", "covered"),
        score=pl.col("best_score"),
        answer_score=pl.col("answer_best_score"),
        documents=pl.max_horizontal("documents", "answer_documents"),
        with_answer=pl.col("answer_documents") > 0,
        reads=pl.col("reads").fill_null(0.0),
    )


def _told(evaluation: Path, tasks: Sequence[Mapping[str, Any]], rows: pl.DataFrame) -> list[dict[str, Any]]:
    """By task and preset: how many items of each set, and each metric over all, the clean and the dirty."""
    import polars as pl

    found = []
    for task in tasks:
        here = (pl.col("task") == task["task"]) & (pl.col("preset") == task["preset"])
        scores = read_rows(evaluation, SCORES).filter(here).collect()
        own = rows.filter(task=task["task"])
        sets = {name: own.filter(set=name)["item"] for name in SETS[1:]}
        some = {name: scores.filter(pl.col("item").is_in(items.implode())) for name, items in sets.items()}
        by_set = {name: estimates(part, average=task["average"]) for name, part in {"all": scores, **some}.items()}
        dirty = own.filter(set="dirty")
        share = mean((own["set"] == "dirty").cast(pl.Float64).to_numpy(), bounded=True)
        found.append(
            {
                "task": task["task"],
                "preset": task["preset"],
                "label": label(task["task"], task["preset"]),
                "items": own.height,
                **{name: len(items) for name, items in sets.items()},
                "share": asdict(share),
                "with_answer": dirty.filter("with_answer").height,
                "reads": dirty["reads"].mean() if dirty.height else None,
                "metrics": {
                    metric: {name: by_set[name].get(metric) for name in SETS} for metric in task["metrics"] or {}
                },
            }
        )
    return found


def _source(reading: Reading | Spoken) -> dict[str, Any]:
    epochs = {name: float(part["epochs"]) for name, part in reading.seen.items()}
    return {
        "run": reading.run.id,
        "kind": reading.run.started.kind,
        "step": reading.step,
        **reading.told(),
        "documents": len(reading.documents()),
        "epochs": epochs,
    }
