"""A curate run from plan to manifest: map 1, exchange, map 2, merge; any step can be interrupted and gone on with."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate import tokens
from curate.ask.exchanges import Corpus, exchanges, guessed, told
from curate.duplicates.index.state import Index
from curate.duplicates.order import columns_needed
from curate.duplicates.repeats.count import find_repeated
from curate.duplicates.types import SignedUnit
from curate.measures import plugins, tables
from curate.pipeline import contaminated, exchange, finish, late, maps, passages
from curate.pipeline.decide import CONTAMINATION_STEP, steps
from curate.pipeline.finish import UnitTables, unit_tables
from curate.pipeline.jobs import worthwhile
from curate.pipeline.late import Late
from curate.pipeline.rollups import Funnel, funnel
from curate.pipeline.stage import Clock
from curate.recipe import Plan
from curate.sample import register_inputs
from curate.sources import UnitSpec, plan_units
from workbench import recipes
from workbench.crew import apart, kept
from workbench.errors import UserError
from workbench.events import Event, Listener
from workbench.executor import run_units
from workbench.files import sha256, write_text
from workbench.manifest import Input
from workbench.parts import version
from workbench.runs import Run
from workbench.tables import parquet_files
from workbench.units import Outcome as UnitOutcome
from workbench.units import Unit, fingerprint

KIND = "curate.run"
FORECAST = "forecast"  # the step of events that say what is to come
# Raised when a step's code changes what it writes; units that older code finished are then made again.
MEASURE_VERSION = 1
DECIDE_VERSION = 1
# Libraries whose version can change what the first map writes.
LIBRARIES = (
    "fasttext-numpy2",
    "lxml_html_clean",
    "phonenumbers",
    "py3langid",
    "python-stdnum",
    "resiliparse",
    "tokenizers",
    "trafilatura",
)


@dataclass
class Outcome:
    """What a run came to, for the screen and the envelope."""

    run: Run
    units: int
    funnel: Funnel | None = None
    failed: list[tuple[str, str]] = field(default_factory=list)  # units that failed twice: (input, why)
    never_fired: list[str] = field(default_factory=list)
    without_list: list[str] = field(default_factory=list)  # of these, rules whose word or URL list nobody has named
    gates: list[str] = field(default_factory=list)  # checks of the whole run that failed
    was_done: bool = False
    tokenizer: str | None = None


def recipe_text(plan: Plan) -> str:
    """The resolved recipe; its last line ties it to the rules, lists, tables and models, whose files could change."""
    profile = plan.settings.profile
    rules = fingerprint(profile=profile.model_dump(mode="json"))
    return f"{recipes.dump(plan.recipe)}# rules of profile {profile.name}: {rules}; files it names: {plan.outside}\n"


def execute(
    plan: Plan,
    *,
    out: Path | None,
    root: Path,
    jobs: int | None = None,
    resume: bool = True,
    force: bool = False,
    listener: Listener = lambda event: None,
    attach: Callable[[Path], None] = lambda path: None,
) -> Outcome:
    """Runs the plan, or goes on with what an interrupted run has finished; `attach` is told the directory at once.

    jobs: workers (default: as many as the input is worth, one a core at most). Units that fail in spite of retries are
    listed in the outcome, and the run stays unfinished. Raises UserError.
    """
    register_inputs()
    options = plan.settings.read_options()
    ignored: list[tuple[str, str]] = []
    specs = plan_units(
        plan.recipe.input,
        unit_bytes=int(plan.settings.read.unit_mb * 1e6),
        options=options,
        on_ignored=lambda file, reason: ignored.append((file, reason)),
    )
    _keep_apart(specs, out)
    jobs = jobs or worthwhile(specs, plan.recipe.limit)
    inputs = list({spec.file: Input(path=spec.file, bytes=spec.size, digest=spec.digest) for spec in specs}.values())
    inputs += [] if plan.sought is None else plan.sought.inputs
    run = Run.create(
        out,
        KIND,
        recipe_text(plan),
        root=root,
        parents=plan.models,
        inputs=inputs,
        resume=resume,
        force=force,
    )
    with run, kept():
        attach(run.path)
        if run.is_finished:
            shutil.rmtree(run.path / "units", ignore_errors=True)  # a crash may have left it behind the manifest
            gates = run.manifest.gates if run.manifest is not None else []
            stored = stored_funnel(run, plan)
            return Outcome(run, len(specs), stored, gates=gates, was_done=True, tokenizer=plan.recipe.tokenizer)
        execution = _Execution(run, plan, specs, inputs, jobs, listener)
        execution.foretell(guessed(specs), "the size of the input")
        for file, reason in ignored:
            execution.tell(Event("warning", "plan", f"{file} is not read: {reason}"))
        return execution.go()


def _keep_apart(specs: Sequence[UnitSpec], out: Path | None) -> None:
    """Refuses to write a run where its own input lies: `--force` would delete it."""
    if out is not None:
        for spec in specs:
            if "://" not in spec.path and Path(spec.path).resolve().is_relative_to(out.resolve()):
                raise UserError(f"the input {spec.file} lies in {out}", hint="choose another --out")


def stored_funnel(run: Run, plan: Plan) -> Funnel:
    """The funnel of a finished run, from its rollups."""
    import polars as pl

    rollups = pl.read_parquet(parquet_files(run.path / "rollups"), glob=False)
    return funnel(rollups, steps(plan.settings))


@dataclass
class _Execution:
    run: Run
    plan: Plan
    specs: list[UnitSpec]
    inputs: list[Input]
    jobs: int
    listener: Listener
    clock: Clock = field(default_factory=Clock)  # of what is done between the maps, in this process

    def go(self) -> Outcome:
        began = time.monotonic()
        settings = self.plan.settings
        write_text(self.run.path / "settings.json", settings.model_dump_json(indent=1) + "\n")
        outcome = Outcome(self.run, len(self.specs), tokenizer=settings.tokenizer)
        if self.plan.sought is not None:
            self.tell(Event("info", CONTAMINATION_STEP, f"{len(self.plan.sought.items):,} benchmark items"))
            with self.clock(CONTAMINATION_STEP):
                self.plan.sought.matcher.save(self._scratch(CONTAMINATION_STEP))
        if settings.duplicates.lines.enabled:
            read, measured = self._measure_in_two()
        else:
            read = measured = self._read("measure", self._measuring())
        outcome.failed = self._failures(measured)
        if outcome.failed:
            return outcome
        shared = self._scratch("exchange")
        shared.mkdir(exist_ok=True)
        self.tell(Event("info", "exchange", "words, lengths and repeated ids of the whole corpus"))
        with self.clock("exchange"):
            takes = maps.write_exchange(
                shared,
                [unit.directory for unit in measured],
                [unit.result or {} for unit in measured],
                self.plan.recipe.limit,
            )
        decided = self._decide(measured, takes, shared)
        outcome.failed = self._failures(decided)
        if outcome.failed:
            return outcome
        after = self._late(measured, decided)
        with apart():  # nothing is left for workers to do
            return self._finish(outcome, read, measured, decided, after, began)

    def _measuring(self) -> dict[str, Any]:
        """All but the input that decides what the first map writes."""
        return {
            "version": MEASURE_VERSION,
            "libraries": {name: version(name) for name in LIBRARIES},
            "plugins": {point.name: f"{point.value} {point.dist and point.dist.version}" for point in plugins.points()},
            "settings": self.plan.settings.measuring(),
            "sought": None if self.plan.sought is None else self.plan.sought.identity(self.plan.settings.decontaminate),
        }

    def _setup(self) -> dict[str, Any]:
        """What a worker of the first map is told."""
        told = {"settings": self.plan.settings.model_dump_json()}
        return told if self.plan.sought is None else told | {"sought": str(self._scratch(CONTAMINATION_STEP))}

    def _scratch(self, name: str) -> Path:
        """A folder for what a step keeps until the run is finished."""
        return self.run.path / "units" / name

    def _measure_in_two(self) -> tuple[list[UnitOutcome], list[UnitOutcome]]:
        """Map 1 with a stop in the middle: which lines do the pages of a host share? Outcomes of both halves."""
        settings = self.plan.settings
        config = settings.duplicates.lines
        common = {"version": MEASURE_VERSION, "settings": settings.reading(), "max_chars": config.max_chars}
        common["libraries"] = {name: version(name) for name in LIBRARIES}
        read = self._read("extract", common)
        if any(unit.failed for unit in read):
            return read, read
        self.tell(Event("info", "lines", "lines that the pages of a host share"))
        takes = exchange.take_per_unit([(unit.result or {})["records"] for unit in read], self.plan.recipe.limit)
        with self.clock("lines"):
            repeated = find_repeated(
                [*self._indexed(), *exchange.extracted_units([unit.directory for unit in read], takes)],
                config,
                directory=self._scratch("lines"),
                memory_bytes=int(settings.duplicates.memory_gb * 1e9),
                jobs=self.jobs,
                on_event=self.tell,
            )
        shared = fingerprint(**self._measuring(), lines=common, repeated=sha256(repeated))
        units = [
            Unit(
                fingerprint(unit=unit.unit.fingerprint, shared=shared),
                {"extracted": str(unit.directory), "batches": (unit.result or {})["batches"], "of": unit.unit.payload},
            )
            for unit in read
        ]
        return read, self._map("edit", units, self._setup() | {"repeated": str(repeated)})

    def _indexed(self) -> list[SignedUnit]:
        """The pages of earlier crawls, where the recipe names an index that knows their lines."""
        name = self.plan.settings.duplicates.index
        if name is None:
            return []
        index = Index.open(Path(name))
        return index.units() if index.settings.lines.enabled else []

    def _read(self, step: str, common: dict[str, Any]) -> list[UnitOutcome]:
        """A step over the units of the input; with a limit, over as many as hold that many records, a few at a time."""
        limit = self.plan.recipe.limit
        units = [
            Unit(fingerprint(unit=spec.fingerprint(), limit=limit, **common), {"unit": spec.to_json(), "limit": limit})
            for spec in self.specs
        ]
        wave = len(units) if limit is None else self.jobs
        done: list[UnitOutcome] = []
        while len(done) < len(units):
            done += self._map(step, units[len(done) : len(done) + wave], self._setup())
            records = sum((unit.result or {}).get("records", 0) for unit in done)
            if limit is not None and records >= limit:
                break
            wave *= 4  # every wave waits for its last unit: few waves, and none far beyond the limit
        return self._within(done, limit)

    @staticmethod
    def _within(done: list[UnitOutcome], limit: int | None) -> list[UnitOutcome]:
        """Units that hold one of the first `limit` records: how many more a wave did must leave no trace."""
        kept: list[UnitOutcome] = []
        records = 0
        for unit in done:
            if limit is not None and records >= limit:
                break
            kept.append(unit)
            records += (unit.result or {}).get("records", 0)
        return kept

    def _decide(self, measured: Sequence[UnitOutcome], takes: list[int], shared: Path) -> list[UnitOutcome]:
        settings = self.plan.settings
        corpus = fingerprint(
            units=[unit.unit.fingerprint for unit in measured],
            takes=takes,
            tables=tables.digests(settings.measures.tables),
        )
        rules = settings.profile.model_dump(mode="json")
        units = [
            Unit(
                fingerprint(
                    version=DECIDE_VERSION, unit=unit.unit.fingerprint, corpus=corpus, rules=rules, number=number
                ),
                {
                    "measured": str(unit.directory),
                    "batches": (unit.result or {})["batches"],
                    "take": takes[number],
                    "number": number,
                },
            )
            for number, unit in enumerate(measured)
        ]
        return self._map("decide", units, {"settings": settings.model_dump_json(), "exchange": str(shared)})

    def _map(self, step: str, units: list[Unit], setup: dict[str, Any]) -> list[UnitOutcome]:
        return run_units(
            f"curate.pipeline.maps:{step}_step",
            units,
            directory=self._scratch(step),
            step=step,
            jobs=self.jobs,
            setup=setup,
            on_event=self.tell,
        )

    def _late(self, measured: list[UnitOutcome], decided: list[UnitOutcome]) -> Late:
        config = self.plan.settings.duplicates
        places = late.Places(
            [unit.directory for unit in measured],
            [unit.directory for unit in decided],
            [(unit.result or {})["measured"] for unit in measured],
            columns_needed(config.survivor),
        )
        sizes = [(unit.result or {})["batches"] for unit in measured]
        after = Late()
        if config.documents:
            with self.clock("duplicates"):
                after = self._documents(places)
        if self.plan.sought is not None:
            self.tell(Event("info", CONTAMINATION_STEP, "documents that hold benchmark items"))
            with self.clock(CONTAMINATION_STEP):
                after.gates += contaminated.look(
                    after,
                    places,
                    sizes,
                    self.plan.sought,
                    self.plan.settings.decontaminate,
                    directory=self._scratch(CONTAMINATION_STEP),
                    jobs=self.jobs,
                    on_event=self.tell,
                )
        if config.passages:
            self.tell(Event("info", "passages", "paragraphs and stretches that kept documents share"))
            scratch = self._scratch("passages")
            with self.clock("passages"):
                passages.cut(after, places, sizes, config, directory=scratch, jobs=self.jobs, on_event=self.tell)
        return after

    def foretell(self, corpus: Corpus, of: str) -> None:
        """Says what each exchange will take; `of` is what that is known from."""
        for line in told(exchanges(self.plan.settings.duplicates, corpus, self.jobs), of):
            self.tell(Event("info", FORECAST, line))

    def _documents(self, places: late.Places) -> Late:
        """Duplicates among the texts that were judged, and of what the index has."""
        config = self.plan.settings.duplicates
        self.tell(Event("info", "duplicates", "groups and pairs of documents"))
        units = late.signed_units(places)
        scratch = self._scratch("duplicates")
        found = late.search(units, config, directory=scratch, jobs=self.jobs, on_event=self.tell)
        known = None
        if config.index is not None:
            self.tell(Event("info", "index", f"documents that {config.index} has, or has deleted"))
            indexed = self._scratch("indexed")
            known = late.ask_index(units, config, directory=indexed, jobs=self.jobs, on_event=self.tell)
        return late.settle(found, known, places, config)

    def _finish(
        self,
        outcome: Outcome,
        read: list[UnitOutcome],
        measured: list[UnitOutcome],
        decided: list[UnitOutcome],
        after: Late,
        began: float,
    ) -> Outcome:
        self.tell(Event("info", "merge", "writing the tables of the run"))
        settings = self.plan.settings

        count = tokens.counter(settings)

        def units() -> Iterator[UnitTables]:
            for number, (one, two) in enumerate(zip(measured, decided, strict=True), 1):
                take, batches = (two.result or {})["records"], (one.result or {})["batches"]
                unit = number - 1
                yield from unit_tables(
                    one.directory,
                    batches,
                    two.directory,
                    take,
                    after.drops.get(unit),
                    after.cuts.get(unit),
                    columns=settings.classify.columns(),
                    count=count,
                )
                self.tell(Event("progress", "merge", "merging", fraction=number / len(measured)))

        dropped_bytes = after.dropped_bytes + sum((unit.result or {})["dropped_text_bytes"] for unit in decided)
        with self.clock("merge"):
            done = finish.write_run(
                self.run.path,
                units,
                extra=after.tables,
                dropped_text_bytes=dropped_bytes,
                dropped_cap_bytes=int(self.plan.recipe.output.dropped_gb * 1e9),
                seed=self.plan.recipe.seed,
                shard_rows=self.plan.recipe.output.shard_rows,
            )
        records = sum((unit.result or {})["records"] for unit in decided)
        outcome.funnel = funnel(done.rollup, steps(settings))
        if outcome.funnel.total != records:
            raise AssertionError(f"{records} records were read, {outcome.funnel.total} were decided")
        if settings.duplicates.drops:
            outcome.gates, warnings = late.judged(self.run.path, settings.duplicates)
            for sentence in warnings:
                self.tell(Event("warning", "duplicates", sentence))
        outcome.gates = [*outcome.gates, *after.gates]
        outcome.never_fired = done.never_fired(settings.profile)
        inactive = settings.measures.lists().inactive()
        outcome.without_list = [rule.id for rule in settings.profile.rules if rule.measure in inactive]
        for rule in outcome.never_fired:
            self.tell(Event("info", "decide", f"rule {rule} dropped nothing and failed for nothing"))
        self.run.finish(
            counts=self._counts(outcome.funnel, done, read) | after.counts,
            timings=self._timings([*(read if read is measured else [*read, *measured]), *decided], began),
            inputs=self.inputs,
            written=done.files,
            gates=outcome.gates,
        )
        # Only now: until the manifest stands, the units are what a crash would go on from.
        shutil.rmtree(self.run.path / "units")
        return outcome

    def _counts(self, levels: Funnel, done: finish.Finished, measured: list[UnitOutcome]) -> dict[str, int]:
        skipped: Counter[str] = Counter()
        for unit in measured:
            skipped.update((unit.result or {}).get("skipped", {}))
        return {
            "records": levels.total,
            "documents": levels.kept,
            "dropped": levels.dropped,
            "failed": levels.failed,
            "tokens_kept": levels.tokens_kept,
            "bytes_kept": levels.bytes_kept,
            "dropped_texts_stored_ppm": round(1e6 * done.dropped_share),
            "edits": done.rows["edits"],
            **{f"skipped_{kind}": count for kind, count in sorted(skipped.items())},
        }

    def _timings(self, units: list[UnitOutcome], began: float) -> dict[str, float]:
        """Seconds of all workers together; of what is done between the maps, seconds that passed."""
        spent: Counter[str] = Counter(self.clock.seconds)
        for unit in units:
            spent.update((unit.result or {}).get("seconds", {}))
        return {"total": round(time.monotonic() - began, 3), **{step: round(s, 3) for step, s in sorted(spent.items())}}

    def _failures(self, units: Sequence[UnitOutcome]) -> list[tuple[str, str]]:
        found = []
        for number, unit in enumerate(units):
            if unit.failed:
                payload = unit.unit.payload.get("of", unit.unit.payload)
                spec = payload.get("unit", {})
                place = f"{spec['file']} from {spec['begin']}" if spec else f"unit {number}"
                found.append((place, unit.error or ""))
        return found

    def tell(self, event: Event) -> None:
        """To the run's log and to whoever watches."""
        self.run.emit(event)
        self.listener(event)
