"""The plan: every input cut into units of work, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import xxhash

from curate.sources.compression import PLAIN
from curate.sources.inputs import InputFile, find_inputs
from curate.sources.options import MB, ReadOptions
from curate.sources.record import UnitSpec
from curate.sources.registry import virtual_planner
from curate.sources.tables import arrow_parts, parquet_parts
from workbench.errors import Exit, UserError

UNIT_BYTES = 32 * MB
_FILES_PER_UNIT = 200


def plan_units(
    inputs: Iterable[str],
    *,
    base: str | None = None,
    unit_bytes: int = UNIT_BYTES,
    options: ReadOptions | None = None,
    on_ignored: Callable[[str, str], None] | None = None,
) -> list[UnitSpec]:
    """The units of `inputs` (local files, folders, globs, URLs, names of virtual inputs), sorted by file and place.

    `unit_bytes` are bytes as stored. `on_ignored(file, reason)` hears of files in folders and globs that are not read.
    Raises UserError: exit 4 for what is missing or unreadable (or lacks the text column), exit 2 for a wrong call.
    """
    if unit_bytes < 1:
        raise UserError(f"a unit cannot have {unit_bytes} bytes", code=Exit.USAGE)
    options = options or ReadOptions()
    units: list[UnitSpec] = []
    paths: list[str] = []
    for argument in inputs:
        planner = virtual_planner(argument)
        if planner is None:
            paths.append(argument)
        else:
            units += planner()
    if not units and not paths:
        raise UserError("no input is given", hint="name files, folders, globs or URLs", code=Exit.USAGE)
    units.sort(key=lambda unit: (unit.source, unit.file, unit.begin))
    pages: list[InputFile] = []
    files = find_inputs(paths, base, on_ignored)
    if paths and not files:
        raise UserError(f"there is no file in {', '.join(paths)}", hint="name a folder of crawl files", code=Exit.INPUT)
    for entry in files:
        if entry.kind.source == "html":
            pages.append(entry)
        else:
            units += _units_of(entry, unit_bytes, options)
    units += _folder_units(pages, unit_bytes)
    return [replace(unit, index=index) for index, unit in enumerate(units)]


def _units_of(entry: InputFile, unit_bytes: int, options: ReadOptions) -> Iterator[UnitSpec]:
    source, codec = entry.kind
    if source == "parquet":
        parts = [tuple(part) for part in parquet_parts(entry.path, unit_bytes, options)]
    elif source == "arrow":
        parts = [tuple(part) for part in arrow_parts(entry.path, unit_bytes, options)]
    elif source == "jsonl" and codec != PLAIN:
        parts = [(0, entry.size)]
    else:
        parts = [(at, min(at + unit_bytes, entry.size)) for at in range(0, max(entry.size, 1), unit_bytes)]
    for begin, end in parts:
        yield UnitSpec(0, source, entry.path, entry.file, begin, end, entry.size, entry.digest, codec)


def _folder_units(pages: list[InputFile], unit_bytes: int) -> Iterator[UnitSpec]:
    group: list[InputFile] = []
    begin = 0
    for number, page in enumerate(pages):
        full = len(group) == _FILES_PER_UNIT or sum(entry.size for entry in group) + page.size > unit_bytes
        if group and (full or group[0].root != page.root):
            yield _folder_unit(group, begin)
            group, begin = [], number
        group.append(page)
    if group:
        yield _folder_unit(group, begin)


def _folder_unit(group: list[InputFile], begin: int) -> UnitSpec:
    digest = xxhash.xxh3_128_hexdigest("\n".join(f"{entry.digest} {entry.file}" for entry in group).encode())
    return UnitSpec(
        0,
        "html",
        group[0].root,
        group[0].file,
        begin,
        begin + len(group),
        sum(entry.size for entry in group),
        digest,
        files=[entry.file for entry in group],
    )
