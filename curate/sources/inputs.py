"""From what the user names (files, folders, globs, URLs) to a sorted list of files that can be read."""

# Names of local files and of objects in remote stores take the same way, as strings.
# ruff: noqa: PTH100, PTH112, PTH113, PTH118, PTH120, PTH207

from __future__ import annotations

import glob
import json
import os
import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import xxhash

from curate.sources.files import RawFile, filesystem, is_url
from curate.sources.sniff import Kind, sniff
from workbench.errors import Exit, UserError

# What a remote store says about a version of an object; saves reading all of it to tell whether it changed.
_VERSION_KEYS = ("ETag", "etag", "checksum", "md5Hash", "md5", "generation", "mtime", "LastModified", "last_modified")
READABLE = "WARC, ARC, WET, JSONL, Parquet, Arrow and HTML files can be read"


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read. `root` + "/" + `file` is `path`."""

    path: str
    root: str
    file: str
    kind: Kind
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class _Found:
    path: str  # absolute, or a URL
    store: str  # "" for local files, else the part of the URL that names the file system
    inside: str  # the path inside the store
    anchor: str  # the folder (inside the store) that the user's argument is about
    named: bool  # the user named this very file


def find_inputs(
    inputs: Iterable[str], base: str | None = None, on_ignored: Callable[[str, str], None] | None = None
) -> list[InputFile]:
    """The readable files of `inputs`, sorted by their name relative to `base` (default: the folder common to all).

    Files in folders and globs that are nothing readable are told to `on_ignored(file, reason)`. Raises UserError
    (exit 4) when an input is missing, when a file named by itself is not readable, or when nothing is left.
    """
    found = {entry.path: entry for argument in inputs for entry in _expand(argument)}
    roots = _roots(found.values(), base)
    datasets = _dataset_files(found.values())
    files: list[InputFile] = []
    ignored: list[tuple[str, str]] = []
    for path in sorted(found):
        entry = found[path]
        root = roots[entry.store]
        file = _relative(entry, root)
        listed = datasets.get((entry.store, posixpath.dirname(entry.inside)))
        if listed is not None and posixpath.basename(path) not in listed:
            ignored.append((file, "not listed in the dataset's state.json"))
            continue
        with RawFile(path) as raw:
            kind = sniff(raw, file)
            if raw.size == 0 and not (kind and kind.source == "html"):  # an empty HTML file is an empty page
                if entry.named:
                    raise UserError(f"{path} is empty", code=Exit.INPUT)
                ignored.append((file, "empty"))
            elif kind is not None:
                digest = _digest(entry, raw)
                files.append(InputFile(path, _url(entry, root), file, kind, raw.size, digest))
            elif entry.named:
                raise UserError(f"{path} is nothing that can be read", hint=READABLE, code=Exit.INPUT)
            else:
                ignored.append((file, "nothing that can be read"))
    for file, reason in ignored if on_ignored else ():
        on_ignored(file, reason)  # type: ignore[misc]
    if found and not files:
        raise UserError(f"no readable file among {len(found)} ({ignored[0][0]}, ...)", hint=READABLE, code=Exit.INPUT)
    files.sort(key=lambda entry: entry.file)
    for before, after in pairwise(files):
        if before.file == after.file:
            raise UserError(
                f"two inputs have the name {after.file}: {before.path} and {after.path}",
                hint="put them under one folder",
                code=Exit.USAGE,
            )
    return files


def _expand(argument: str) -> list[_Found]:
    return _expand_url(argument) if is_url(argument) else _expand_local(argument)


def _expand_local(argument: str) -> list[_Found]:
    path = os.path.abspath(Path(argument).expanduser())
    if os.path.isfile(path):
        return [_Found(path, "", path, os.path.dirname(path), True)]
    if os.path.isdir(path):
        return [_Found(name, "", name, path, False) for name in _walk(path)]
    if not glob.has_magic(path):
        raise UserError(f"no such file or folder: {argument}", code=Exit.INPUT)
    anchor = _fixed_part(path)
    matches = [name for match in sorted(glob.glob(path, recursive=True)) for name in _walk(match)]
    if not matches:
        raise UserError(f"no file matches {argument}", code=Exit.INPUT)
    return [_Found(name, "", name, anchor, False) for name in dict.fromkeys(matches)]


def _walk(path: str) -> list[str]:
    """The regular files at or under `path`; hidden ones are left out."""
    if not os.path.isdir(path):
        return [path] if os.path.isfile(path) else []

    def unreadable(error: OSError) -> None:
        raise UserError(f"cannot read {error.filename}: {error.strerror}", code=Exit.INPUT)

    files = []
    for folder, folders, names in os.walk(path, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [os.path.join(folder, name) for name in sorted(names) if not name.startswith(".")]
    return [file for file in files if os.path.isfile(file)]


def _expand_url(url: str) -> list[_Found]:
    fs, inside = filesystem(url)
    head, chain, rest = url.partition("::")
    store = f"{head.partition('://')[0] if '://' in head else fs.protocol}://{chain}{rest}"
    try:
        if glob.has_magic(inside):
            names, anchor, named = fs.glob(inside), _fixed_part(inside), False
            names = [name for match in sorted(names) for name in (fs.find(match) if fs.isdir(match) else [match])]
        elif fs.isdir(inside) and not fs.isfile(inside):
            names, anchor, named = fs.find(inside), inside, False
        elif fs.isfile(inside):
            names, anchor, named = [inside], posixpath.dirname(inside), True
        else:
            names, anchor, named = [], inside, False
    except (OSError, ValueError, ImportError) as error:
        raise UserError(f"cannot list {url}: {error}", code=Exit.INPUT) from error
    if not names:
        raise UserError(f"nothing at {url}", code=Exit.INPUT)
    return [_Found(_store_url(store, name), store, name, anchor.rstrip("/"), named) for name in dict.fromkeys(names)]


def _store_url(store: str, inside: str) -> str:
    if "://" in inside:
        return inside
    protocol, chain, rest = store.partition("::")
    return f"{protocol}{inside}{chain}{rest}"


def _fixed_part(pattern: str) -> str:
    """The folder before the first part of a glob that varies."""
    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:fixed]) or "/"


def _roots(found: Iterable[_Found], base: str | None) -> dict[str, str]:
    """For each store the folder that names are relative to."""
    anchors: dict[str, list[str]] = {}
    for entry in found:
        anchors.setdefault(entry.store, []).append(entry.anchor)
    if base is None:
        return {store: posixpath.commonpath(folders) if all(folders) else "" for store, folders in anchors.items()}
    inside = filesystem(base)[1] if is_url(base) else os.path.abspath(Path(base).expanduser())
    return {store: inside.rstrip("/") for store in anchors}


def _relative(entry: _Found, root: str) -> str:
    prefix = root.rstrip("/") + "/" if root else ""
    if not entry.inside.startswith(prefix):
        raise UserError(f"{entry.path} is not under {root}", code=Exit.USAGE)
    name = entry.inside[len(prefix) :].lstrip("/")
    return os.fsencode(name).decode("utf-8", "replace")  # a name that is no UTF-8 could not be written to a table


def _url(entry: _Found, root: str) -> str:
    return _store_url(entry.store, root) if entry.store else root


def _dataset_files(found: Iterable[_Found]) -> dict[tuple[str, str], set[str]]:
    """Folders saved by Hugging Face datasets: their state.json lists the data files; other .arrow files are caches."""
    listed = {}
    for entry in found:
        if posixpath.basename(entry.inside) == "state.json":
            with RawFile(entry.path) as raw:
                try:
                    state: Any = json.loads(raw.read_at(0, raw.size))
                    names = {str(item["filename"]) for item in state["_data_files"]}
                except (ValueError, KeyError, TypeError):
                    continue  # a file of that name with another meaning
            listed[entry.store, posixpath.dirname(entry.inside)] = names
    return listed


def _digest(entry: _Found, raw: RawFile) -> str:
    """xxh3_128 of the file's bytes, or of what a remote store says about the object's version."""
    if entry.store:
        info = filesystem(entry.path)[0].info(entry.inside)
        version = [f"{key}={info[key]}" for key in _VERSION_KEYS if info.get(key)]
        if version:
            return xxhash.xxh3_128_hexdigest("\n".join([*version, str(raw.size)]).encode())
    state = xxhash.xxh3_128()
    for chunk in raw.chunks(0):
        state.update(chunk)
    return state.hexdigest()
