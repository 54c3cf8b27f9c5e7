"""A finished curate run of any size: documents drawn from those of a small real run, each with measures of its own.

Every document has a real one behind it, with whose text it begins and whose measures it has with noise: so columns,
types, settings, and how measures hang together are the product's own. Rules, duplicates, rollups and shards are those
of the product too: its functions decide who is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import xxhash

from curate.ask.finished import FinishedRun
from curate.contamination import tables
from curate.duplicates import order
from curate.pipeline import decide, finish, late
from curate.pipeline.finish import UnitTables
from curate.pipeline.rollups import funnel
from curate.pipeline.schemas import DECISIONS, DOCUMENTS, EDITS, FINGERPRINTS, INDEXED, PAIRS
from curate.rules import columns, evaluate
from workbench.files import write_text
from workbench.runs import Run

SLICE, HOSTS = 50_000, 5_000
COPIES = 0.1
"""Share of the documents that have a copy, or are one."""
_SHAPE = 1.3  # of the hosts' Zipf law: the largest has some 8 % of all pages
_SIZES = ("text.chars", "text.bytes", "text.tokens")


@dataclass
class Template:
    """The tables of the small run, one row a record or text, in the order of its decisions."""

    run: FinishedRun
    decisions: pl.DataFrame
    measures: pl.DataFrame
    texts: pl.DataFrame
    edits: pl.DataFrame
    hits: pl.DataFrame
    items: pl.DataFrame

    @classmethod
    def of(cls, name: str, root: Path) -> Template:
        """From a finished run with stored texts and benchmark items."""
        run = FinishedRun.open(name, root)
        own = pl.col("rule").ne_missing(decide.SAME_RECORD)
        decisions = run.scan("decisions").filter(own).collect()
        measures = run.scan("measures").collect()
        place = pl.DataFrame({"id": measures["id"], "text_row": np.arange(measures.height)})
        texts = pl.concat([run.scan("documents").collect(), run.scan("dropped").collect()])
        return cls(
            run,
            decisions.join(place, on="id", how="left", maintain_order="left"),
            measures,
            place.join(texts, on="id", maintain_order="left").drop("text_row"),
            run.scan("edits").collect(),
            run.scan("contamination").collect(),
            run.scan("items").collect(),
        )


class Crawl:
    """`documents` records, in slices that can be made again and again, each from its own seed."""

    def __init__(self, template: Template, documents: int, seed: int) -> None:
        self.template, self.documents, self.seed = template, documents, seed
        self.begins = [*range(0, documents, SLICE), documents]
        rates = 1 / np.arange(1, HOSTS + 1) ** _SHAPE
        self._hosts = rates / rates.sum()

    def slices(self) -> Iterator[Slice]:
        """All slices, in order."""
        for begin, end in pairwise(self.begins):
            yield Slice(self, begin, end)

    def host_numbers(self, rng: np.random.Generator, many: int) -> np.ndarray:
        """Hosts of pages: few have many."""
        return rng.choice(HOSTS, many, p=self._hosts)


class Slice:
    """Records `begin` to `end`: which real one is behind each, its measures, and what rules say of them."""

    def __init__(self, crawl: Crawl, begin: int, end: int) -> None:
        self.template, self.key = crawl.template, (crawl.seed, begin)
        rng = self._draw("records")
        count = end - begin
        ids = [xxhash.xxh3_128_hexdigest(f"{crawl.seed} {number}".encode()) for number in range(begin, end)]
        self.records = self.template.decisions[rng.integers(0, self.template.decisions.height, count)].with_columns(
            id=pl.Series(ids),
            host=pl.Series([f"site-{host:04}.example" for host in crawl.host_numbers(rng, count)]),
            file=pl.Series([f"crawl-{number // SLICE:05}.warc.gz" for number in range(begin, end)]),
            row=pl.Series(np.arange(count) * 7919, dtype=pl.Int64),
        )
        self.records = self.records.with_columns(url=pl.format("https://{}/{}", "host", pl.col("id").str.slice(0, 10)))
        self.texts = self.records.filter(pl.col("text_row").is_not_null())
        self.behind = self.texts["text_row"].to_numpy()
        self.share = np.clip(rng.beta(2.5, 1.2, len(self.behind)), 0.02, 1.0)
        self.measures = self._measures()

    def _draw(self, what: str) -> np.random.Generator:
        """Chance of its own for each purpose, so that nothing hangs on what was asked before."""
        return np.random.default_rng([*self.key, *what.encode()])

    def _measures(self) -> pl.DataFrame:
        """Measures of the real documents, noise on all but those that a text decides."""
        real, rng, many = self.template.measures, self._draw("measures"), len(self.behind)
        made = {"id": self.texts["id"]}
        for name in real.columns[1:]:
            column = real[name]
            if not column.dtype.is_numeric():
                made[name] = column[self.behind]
                continue
            values = column.to_numpy().astype(float)
            drawn = values[self.behind]
            if column.dtype.is_float():
                drawn = drawn * np.exp(0.25 * rng.standard_normal(many, np.float32))
                # What is 0 in a few real documents is not in a million: one in 25 has a little of it.
                some = (drawn == 0) & (rng.random(many, np.float32) < 0.04)
                drawn[some] = rng.exponential(0.02, int(some.sum()))
                drawn = np.minimum(drawn, 1.0) if np.nanmax(values) <= 1 else drawn
                made[name] = pl.Series(drawn.astype(np.float32).astype(np.float64))
            else:
                noise = 1.0 if name in _SIZES else np.exp(0.2 * rng.standard_normal(many, np.float32))
                made[name] = pl.Series(np.rint(drawn * self.share * noise)).cast(column.dtype)
        chars = real["text.chars"].to_numpy()[self.behind]
        made["text.chars"] = pl.Series(np.rint(chars * self.share), dtype=pl.Int64)
        return pl.DataFrame(made)

    def passing(self) -> pl.Series:
        """Ids of the documents that every rule lets pass."""
        profile = self.template.run.settings.profile
        wanted = list(dict.fromkeys(["id", "text.chars", "language.lang", *columns(profile)]))
        return self.measures["id"].filter(evaluate(profile, self.measures.select(wanted)).first.is_null())

    def shared(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """FINGERPRINTS and PAIRS of the documents that have copies: groups of two and more, half of them exact."""
        rng = self._draw("shared")
        chosen = rng.permutation(len(self.behind))[: int(COPIES * len(self.behind))]
        rows, pairs, at = [], [], 0
        ids, chars = self.texts["id"].to_list(), self.measures["text.chars"].to_list()
        files = self.texts["file"].to_list()
        while at + 2 <= len(chosen):
            group = chosen[at : at + 2 + min(int(rng.geometric(0.4)) - 1, 28)]
            at += len(group)
            exact = rng.random() < 0.5
            first = ids[group[0]]
            for number, place in enumerate(group):
                key = xxhash.xxh3_128_hexdigest(f"set {first if exact else ids[place]}".encode())
                text = xxhash.xxh3_128_hexdigest(f"text {first}".encode()) if exact else None
                date = f"2026-0{1 + number % 9}-01T00:00:00Z"
                rows.append((ids[place], text, None, key, files[place], date, chars[place]))
                if number and not exact:
                    pairs.append(_pair(rows[-1 - number][3], key, rng))
        return (
            pl.DataFrame(rows, FINGERPRINTS, orient="row"),
            pl.DataFrame(pairs, PAIRS, orient="row"),
        )

    def tables(self, drops: pl.DataFrame) -> UnitTables:
        """The slice as the run stores it; `drops` are the duplicates, id and what `late` says of each."""
        measured = pl.col("text_row").is_not_null()
        fixed = self.records.with_columns(
            *(
                pl.when(~measured).then(pl.col(name)).alias(name)
                for name in ("state", "step", "rule", "value", "partner")
            ),
            fails=pl.when(measured).then(pl.lit([], pl.List(pl.String))).otherwise(pl.col("fails")),
        ).select(*DECISIONS)
        decisions = decide.settle(fixed, self.measures, self.template.run.settings.profile)
        places = decisions.select("id").with_row_index("position").with_columns(pl.col("position").cast(pl.Int64))
        decisions = decide.dropped_late(decisions, places.join(drops, on="id").drop("id"))
        own = decisions.filter(self.records["text_row"].is_not_null())
        real = self.template.texts[self.behind]
        texts = real.with_columns(
            *(own[name] for name in ("id", "url", "host", "lang", "chars", "tokens", "file", "row", "state")),
            text=real["text"].str.slice(0, self.measures["text.chars"]),
        )
        return UnitTables(decisions, self.measures, texts.select(*DOCUMENTS, "state"), self._edits())

    def _edits(self) -> pl.DataFrame:
        """The edits of the real documents, for one in five."""
        some = self._draw("edits").random(len(self.behind)) < 0.2
        names = pl.DataFrame({"new": self.texts["id"], "id": self.template.measures["id"][self.behind]}).filter(some)
        found = names.join(self.template.edits, on="id", maintain_order="left").drop("id").rename({"new": "id"})
        return found.select(pl.col(name).cast(kind) for name, kind in EDITS.items())

    def hits(self) -> pl.DataFrame:
        """Places of benchmark items, in one of ten documents whose real text has them and that are as long."""
        some = self._draw("hits").random(len(self.behind)) < 0.1
        names = pl.DataFrame({"new": self.texts["id"], "id": self.template.measures["id"][self.behind]})
        names = names.with_columns(chars=self.measures["text.chars"]).filter(some)
        found = names.join(self.template.hits, on="id", maintain_order="left").filter(pl.col("end") <= pl.col("chars"))
        return found.drop("id", "chars").rename({"new": "id"}).select(self.template.hits.columns)


def _pair(left: str, right: str, rng: np.random.Generator) -> tuple[str, str, int, int, int, float, float]:
    """A pair of PAIRS: sets of about 300 shingles, of which most are shared."""
    sizes = rng.integers(150, 450), rng.integers(150, 450)
    shared = int(rng.uniform(0.75, 1.0) * min(sizes))
    size_left, size_right = (max(int(size * rng.uniform(0.0, 0.1)) + shared, shared) for size in sizes)
    jaccard = shared / (size_left + size_right - shared)
    left, right, size_left, size_right = (
        (left, right, size_left, size_right) if left < right else (right, left, size_right, size_left)
    )
    return left, right, size_left, size_right, shared, jaccard, shared / min(size_left, size_right)


def write_crawl(out: Path, root: Path, template: Template, documents: int, seed: int) -> Run:
    """The run. Who is a duplicate of whom is decided among the documents that pass, as in any run."""
    crawl, settings = Crawl(template, documents, seed), template.run.settings
    passing, prints, pairs, hits = [], [], [], []
    for piece in crawl.slices():
        passing.append(piece.passing())
        hits.append(piece.hits())
        own_prints, own_pairs = piece.shared()
        prints.append(own_prints)
        pairs.append(own_pairs)
    passed, found = pl.concat(passing), pl.concat(hits)
    fingerprints, stored_pairs = pl.concat(prints).sort("id"), pl.concat(pairs).sort("left", "right")
    asked = fingerprints.filter(pl.col("id").is_in(passed.implode()))
    assert not order.columns_needed(settings.duplicates.survivor), "the order of survivors reads measures"
    gone, drops = late.choose(asked, stored_pairs, pl.DataFrame(schema=INDEXED), settings.duplicates)
    stands = passed.filter(~passed.is_in(drops["id"].implode()))
    items = tables.among(template.items, found, stands)
    extra = {"fingerprints": fingerprints, "pairs": stored_pairs, "duplicates": gone}
    extra |= {"contamination": found, "items": items, "suites": tables.by_suite(items)}
    recipe = (template.run.path / "recipe.yaml").read_text("utf-8") + f"# generated: {documents} records, seed {seed}\n"
    with Run.create(out, "curate.run", recipe, root=root, force=True) as run:
        write_text(run.path / "settings.json", settings.model_dump_json(indent=1) + "\n")
        done = finish.write_run(
            run.path,
            lambda: (piece.tables(drops) for piece in crawl.slices()),
            extra=extra,
            dropped_text_bytes=0,
            dropped_cap_bytes=1,
            seed=seed,
            shard_rows=100_000,
        )
        levels = funnel(done.rollup, decide.steps(settings))
        counts = {"records": levels.total, "documents": levels.kept, "dropped": levels.dropped, "failed": levels.failed}
        counts |= {"tokens_kept": levels.tokens_kept, "bytes_kept": levels.bytes_kept, "edits": done.rows["edits"]}
        counts |= tables.counts(found.filter(pl.col("id").is_in(stands.implode())), items)
        run.finish(counts=counts, written=done.files)
    return run
