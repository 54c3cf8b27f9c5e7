"""What a run would do and cost, from the list of units and a probe of a few records of each of a few files."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from curate.ask.exchanges import Corpus, exchanges, guessed
from curate.duplicates.budget import Exchange
from curate.pipeline.decide import steps
from curate.pipeline.jobs import worthwhile
from curate.pipeline.stage import Stage, batches
from curate.recipe import Plan
from curate.sample import register_inputs
from curate.sources import UnitSpec, plan_units, read_unit

PROBE_UNITS = 4
PROBE_RECORDS = 64


@dataclass(frozen=True, slots=True)
class Probe:
    """What a sample of records cost, and what follows for the whole."""

    records: int
    cpu_ms_per_record: float
    records_total: int
    cpu_s_total: float
    wall_s_total: float
    disk_bytes: int
    memory_mb_per_worker: int
    documents: int  # texts among the records
    chars_per_doc: float
    shingles_per_doc: float  # 0 where near duplicates are not looked for


@dataclass(frozen=True, slots=True)
class Forecast:
    """The plan: steps in order, files, units and bytes of input, free disk, and the probe where one was made."""

    steps: list[str]
    files: int
    units: int
    bytes: int
    free_disk_bytes: int
    probe: Probe | None
    exchanges: list[Exchange]


def forecast(plan: Plan, *, probe: bool, where: Path) -> Forecast:
    """Plans the units; with `probe` runs PROBE_RECORDS records of PROBE_UNITS units through the first map."""
    register_inputs()
    specs = plan_units(
        plan.recipe.input,
        unit_bytes=int(plan.settings.read.unit_mb * 1e6),
        options=plan.settings.read_options(),
    )
    files = {spec.file: spec.size for spec in specs}
    free = shutil.disk_usage(next(path for path in (where, *where.resolve().parents) if path.exists())).free
    total = sum(files.values())
    measured = _probe(plan, specs) if probe else None
    corpus = guessed(specs)
    if measured is not None:
        documents = round(measured.records_total * measured.documents / measured.records)
        corpus = Corpus(documents, measured.chars_per_doc, measured.shingles_per_doc)
    to_come = exchanges(plan.settings.duplicates, corpus, worthwhile(specs, plan.recipe.limit))
    return Forecast(steps(plan.settings), len(files), len(specs), total, free, measured, to_come)


def _probe(plan: Plan, specs: Sequence[UnitSpec]) -> Probe | None:
    if not specs:
        return None
    stage = Stage(plan.settings)
    spread = [specs[i * len(specs) // min(PROBE_UNITS, len(specs))] for i in range(min(PROBE_UNITS, len(specs)))]
    done = text_bytes = read = documents = chars = shingles = 0
    try:
        # The first batch pays for compiled kernels and the extractor's start; it is not counted.
        for batch in batches(read_unit(spread[0], plan.settings.read_options()), 1):
            stage.process(batch)
        began, cpu = time.perf_counter(), _cpu_s()
        for spec in spread:
            records = read_unit(spec, plan.settings.read_options())
            for batch in batches(records, PROBE_RECORDS):
                tables = stage.process(batch)
                done += tables.records.height
                text_bytes += int(tables.records["text"].str.len_bytes().sum() or 0)
                documents += tables.measures.height
                chars += int(tables.measures["text.chars"].sum())
                shingles += len(tables.signed.shingles) if tables.signed is not None else 0
            read += records.counts.bytes_in
        # The extractor child's seconds are known only after it has ended, so elapsed time stands in for them.
        spent = max(time.perf_counter() - began, _cpu_s() - cpu)
    finally:
        stage.close()
    if not done or not read:
        return None
    covered = sum(spec.size for spec in {spec.file: spec for spec in specs}.values())
    total = max(done, round(done * covered / read))
    if plan.recipe.limit is not None:
        total = min(total, plan.recipe.limit)
    per_record = spent / done
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Probe(
        records=done,
        cpu_ms_per_record=1000 * per_record,
        records_total=total,
        cpu_s_total=per_record * total,
        wall_s_total=per_record * total / worthwhile(specs, plan.recipe.limit),
        # Text is stored once as a unit and once in the run, compressed to about a third each; tables add half of it.
        disk_bytes=round(text_bytes / done * total),
        memory_mb_per_worker=int(rss_mb),
        documents=documents,
        chars_per_doc=chars / max(documents, 1),
        shingles_per_doc=shingles / max(documents, 1),
    )


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def as_dict(found: Forecast) -> dict[str, object]:
    """For the envelope."""
    return asdict(found)
