"""A dataset by whatever name it has: a curate run, a mix, an export, Parquet, JSONL, text files, a folder of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from train.data import blocks
from train.data.blocks import Block, Document, Fields
from workbench import manifest, registry
from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.manifest import File, Input
from workbench.runs import Run

MIX = "curate.mix"
EXPORT = "curate.export"
MAIN = "main"  # the one phase of what is no mix
TOPIC = "domain.topic"  # the measure that gives a document's domain where the table has no such column


@dataclass
class Documents:
    """What `read_documents` found; iterating reads every document once, in the order of the files.

    name: as the user gave it. digest: names what is read, fields and all. parents: runs it comes from. inputs: plain
    files. blocks: pieces in order. phases: of a mix, else `main`. copies: of a mix, how often each id is read in each
    phase (columns id, phase, copies), else None. skipped: files of a folder that are no data.
    """

    name: str
    digest: str
    blocks: list[Block]
    fields: Fields
    whole: bool
    parents: list[Run] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    phases: tuple[str, ...] = (MAIN,)
    copies: pl.DataFrame | None = None
    skipped: list[str] = field(default_factory=list)
    listed: list[tuple[Path, File]] = field(default_factory=list)  # files that a manifest vouches for

    def __iter__(self) -> Iterator[Document]:
        wanted = None if self.copies is None else set(self.copies["id"])
        topics = {} if self.topics is None else dict(self.topics.iter_rows())
        for block in self.blocks:
            for document in blocks.read(block, self.fields, whole=self.whole):
                if wanted is not None and document.id not in wanted:
                    continue
                if document.copy:  # an export of a mix repeats its rows
                    continue
                topic = topics.get(document.id)
                yield document if document.domain or topic is None else document._replace(domain=topic)

    @cached_property
    def topics(self) -> pl.DataFrame | None:
        """Columns id and domain by the measure of the run, or None where it has none."""
        for run in self.parents:
            files = [path for path, _ in _table(run, "measures")]
            if files and TOPIC in pl.scan_parquet(files, glob=False).collect_schema():
                table = pl.scan_parquet(files, glob=False).select("id", domain=pl.col(TOPIC).cast(pl.String))
                return table.drop_nulls().unique("id", keep="first", maintain_order=True).collect()
        return None

    def check(self) -> None:
        """Compare every file that a manifest lists with its hash. Raises UserError (exit 4) for one that changed."""
        for path, entry in self.listed:
            if sha256(path) != entry.sha256:
                raise _changed(path, "it is not what its SHA-256 says")


def read_documents(source: str, root: Path, *, fields: Fields | None = None, whole: bool | None = None) -> Documents:
    """The dataset called `source`: a path, or the id of a run under `root`.

    whole: whether a text file is one document; default: in a folder, while one file is cut at blank lines into
    documents of about 4,000 characters. Raises UserError (exit 4) where there is nothing, or it is damaged.
    """
    fields = fields or Fields()
    path = Path(source)
    if path.is_dir() and not registry.is_run(path):
        return _plain(source, path, *_folder(path), fields, True if whole is None else whole)
    if path.is_file():
        if blocks.kind_of(path.name) is None:
            hint = f"a dataset is a run, a folder, or a file that ends in {blocks.ENDINGS}"
            raise UserError(f"{source} is no data file by its name", hint=hint, code=Exit.INPUT)
        return _plain(source, path.parent, [path], [], fields, bool(whole))
    try:
        directory = registry.find(source, root)
    except UserError as error:
        if path.exists() or error.code != Exit.INPUT:
            raise
        message = f"there is no file or folder {source}, and no run of that name under {root}"
        raise UserError(message, hint=error.hint, code=Exit.INPUT) from None
    return _of_run(source, _finished(directory, root), root, fields)


def _folder(top: Path) -> tuple[list[Path], list[str]]:
    files = sorted(path for path in top.rglob("*") if path.is_file() and not path.name.startswith("."))
    kinds = {kind for path in files if (kind := blocks.kind_of(path.name))}
    if "parquet" in kinds or "jsonl" in kinds:
        kinds.discard("text")  # README.md and the like beside the data
    chosen = [path for path in files if blocks.kind_of(path.name) in kinds]
    if not chosen:
        hint = f"files that end in {blocks.ENDINGS} are read"
        raise UserError(f"{top} holds no run and no data files", hint=hint, code=Exit.INPUT)
    gone = set(files) - set(chosen)
    return chosen, sorted(path.relative_to(top).as_posix() for path in gone)


def _plain(name: str, top: Path, files: list[Path], skipped: list[str], fields: Fields, whole: bool) -> Documents:
    found: list[Block] = []
    inputs = []
    for path in files:
        shown = path.relative_to(top).as_posix()
        try:
            digest = sha256(path)
            inputs.append(Input(path=shown, bytes=path.stat().st_size, digest=digest))
            found += blocks.cut(blocks.kind_of(path.name) or "", path, shown, digest, fields)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}", hint="see its rights", code=Exit.INPUT) from None
    return Documents(name, _digest(found, fields, whole), found, fields, whole, inputs=inputs, skipped=skipped)


def _digest(found: Sequence[Block], fields: Fields, whole: bool, *more: str) -> str:
    lines = [fields.model_dump_json(), str(whole), *more]
    lines += dict.fromkeys(f"{block.file} {block.digest} {block.split} {block.phase}" for block in found)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _finished(path: Path, root: Path) -> Run:
    run = Run.open(path, root)
    if not run.is_finished:
        hint = "run its command again until it has finished"
        raise UserError(f"{path} is not finished", hint=hint, code=Exit.INPUT)
    return run


def _table(run: Run, name: str) -> list[tuple[Path, File]]:
    """The Parquet files of a table of a run, in order, as its manifest lists them."""
    assert run.manifest is not None
    listed = sorted(run.manifest.outputs, key=lambda entry: entry.path)
    return [(run.path / entry.path, entry) for entry in listed if Path(entry.path).parent.as_posix() == name]


def _changed(path: Path, what: str) -> UserError:
    hint = "bring the file back, or make the run again"
    return UserError(f"{path} has changed since its run was finished: {what}", hint=hint, code=Exit.INPUT)


def _vouched(files: list[tuple[Path, File]]) -> list[tuple[Path, File]]:
    for path, entry in files:
        if not path.is_file():
            raise _changed(path, "it is missing")
        if path.stat().st_size != entry.bytes:
            raise _changed(path, f"it has {path.stat().st_size} bytes, the manifest says {entry.bytes}")
    return files


def lineage(run: Run, root: Path) -> list[Run]:
    """The run and what it was made from, as far as that is there and has not changed."""
    found: list[Run] = []
    for one in registry.lineage(run.path, root):
        if one.path is not None and one.state == "finished" and one.path.resolve() not in {r.path for r in found}:
            found.append(Run.open(one.path.resolve(), root))
    return found


def _of_run(name: str, run: Run, root: Path, fields: Fields) -> Documents:
    assert run.manifest is not None
    if run.manifest.kind == EXPORT:
        return _of_export(name, run, root, fields)
    runs = lineage(run, root)
    holder = next((one for one in runs if _table(one, "documents")), None)
    if holder is None or (holder.path != run.path.resolve() and run.manifest.kind != MIX):
        if run.manifest.kind == MIX:
            message = f"the run that {run.path} mixes is gone or has changed since"
            raise UserError(message, hint="bring it back, or make the mix again", code=Exit.INPUT)
        message = f"{run.path} holds no documents: it is a run of {run.manifest.kind}"
        raise UserError(message, hint="name a run of curate, a mix or an export", code=Exit.INPUT)
    files = _vouched(_table(holder, "documents"))
    found = _cut_all(holder, files, fields)
    parents = [run, *(one for one in runs if one.path != run.path.resolve())]
    if run.manifest.kind != MIX:
        return Documents(name, _digest(found, fields, True), found, fields, True, parents, listed=files)
    sample = _vouched(_table(run, "sample"))
    copies = pl.read_parquet([path for path, _ in sample], glob=False).select("id", "phase", "copies")
    phases = tuple(copies["phase"].unique(maintain_order=True))
    digest = _digest(found, fields, True, manifest.digest(run.path))
    listed = files + sample
    return Documents(name, digest, found, fields, True, parents, [], phases, copies, listed=listed)


def _cut_all(run: Run, files: list[tuple[Path, File]], fields: Fields) -> list[Block]:
    found: list[Block] = []
    for path, entry in files:
        kind = blocks.kind_of(path.name)
        if kind is not None:
            found += blocks.cut(kind, path, entry.path, entry.sha256, fields)
    return found


def _of_export(name: str, run: Run, root: Path, fields: Fields) -> Documents:
    """An export: its first split is trained on, the others are held out; folders of `data` are phases of a mix."""
    assert run.manifest is not None
    files = [(run.path / entry.path, entry) for entry in run.manifest.outputs if entry.path.startswith("data/")]
    splits = _splits(run)
    first = splits[0]["split"] if splits else ""
    names = dict.fromkeys(split["phase"] for split in splits if split.get("phase"))
    found = []
    for block in _cut_all(run, _vouched(files), fields):
        place = Path(block.file)
        phase = place.parent.name if len(place.parts) > 2 else None
        held = not place.name.startswith(f"{first}-")
        split = None if len({entry["split"] for entry in splits}) < 2 else "held_out" if held else "train"
        found.append(block._replace(split=split, phase=phase))
    runs = lineage(run, root)
    rest = [one for one in runs if one.path != run.path.resolve()]
    phases = tuple(names) or (MAIN,)
    digest = _digest(found, fields, True)
    return Documents(name, digest, found, fields, True, [run, *rest], phases=phases, listed=files)


def _splits(run: Run) -> list[dict[str, str]]:
    path = run.path / "splits.json"
    try:
        found: list[dict[str, str]] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        hint = "make the export again"
        raise UserError(f"cannot read {path}", hint=hint, code=Exit.INPUT) from None
    return found
