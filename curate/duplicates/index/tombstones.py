"""What was deleted, for good: an append-only log without a word of any text, and whom it concerns in later runs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from curate.duplicates.index.schemas import hex_keys
from curate.duplicates.index.state import NAME, TOMBSTONES, Index, Log
from curate.duplicates.urls import url_keys
from workbench.errors import Exit, UserError
from workbench.files import sync

ID = re.compile(r"[0-9a-f]{32}")
URL = re.compile(r"(?i:https?)://\S+")


class Request(BaseModel):
    """What is to be deleted, and to stay away: documents by id, by address, by host (and the hosts below it), and by
    a regular expression that is searched in the address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: list[str] = []
    url_keys: list[str] = []  # of normalised addresses, as they stand in the index
    hosts: list[str] = []
    regexes: list[str] = []

    @classmethod
    def of(
        cls, ids: Sequence[str] = (), urls: Sequence[str] = (), hosts: Sequence[str] = (), regexes: Sequence[str] = ()
    ) -> Request:
        """Raises UserError where an id, address or host is none, or an expression is blank or cannot be read."""
        for one in ids:
            if not ID.fullmatch(one):
                hint = "an id has 32 hexadecimal digits; `curate index trace` shows the whole of it"
                raise UserError(f"'{one}' is no id", hint=hint)
        addresses = [url.strip() for url in urls]
        keys = hex_keys(url_keys(addresses)).to_list()
        for address, key in zip(addresses, keys, strict=True):
            if key is None or not URL.fullmatch(address):
                hint = "a URL begins with http:// or https://; --host HOST names all pages of a host"
                raise UserError(f"'{address}' is no URL", hint=hint)
        names = sorted({host.strip().strip(".").lower() for host in hosts})
        for name in names:
            if not name or "/" in name or ":" in name:
                raise UserError(f"'{name}' is no host", hint="name it alone, as in --host example.com")
        for expression in regexes:
            if not expression.strip():
                raise UserError("an empty regular expression names every document", hint="give --regex an expression")
            try:
                re.compile(expression)
            except re.error as error:
                raise UserError(f"'{expression}' is no regular expression: {error}") from None
        return cls(ids=sorted(set(ids)), url_keys=sorted(set(keys)), hosts=names, regexes=sorted(set(regexes)))

    def __bool__(self) -> bool:
        return bool(self.ids or self.url_keys or self.hosts or self.regexes)


class Tombstone(BaseModel):
    """One deletion: `ids` are the documents that were found and taken out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: str
    asked: Request
    ids: list[str]
    reason: str
    counts: dict[str, int]


@dataclass
class Deleted:
    """Everything that must not come back."""

    ids: frozenset[str] = frozenset()
    url_keys: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    regexes: Sequence[re.Pattern[str]] = field(default_factory=list)

    @classmethod
    def by(cls, requests: Iterable[Request], ids: Iterable[str] = ()) -> Deleted:
        """What the requests name, and these ids."""
        asked = list(requests)
        return cls(
            frozenset(ids).union(*(one.ids for one in asked)),
            frozenset().union(*(one.url_keys for one in asked)),
            frozenset().union(*(one.hosts for one in asked)),
            [re.compile(expression) for expression in sorted({each for one in asked for each in one.regexes})],
        )

    def mask(self, ids: pl.Series, url_keys: pl.Series, hosts: pl.Series, urls: pl.Series) -> np.ndarray:
        """Which documents are meant, bool[documents]."""
        found = ids.is_in(list(self.ids)).to_numpy(writable=True)
        if self.url_keys:
            found |= url_keys.is_in(list(self.url_keys)).fill_null(False).to_numpy()
        if self.hosts:
            verdicts = {host: self._host(host) for host in hosts.drop_nulls().unique()}
            found |= np.fromiter((verdicts.get(host, False) for host in hosts), np.bool_, len(hosts))
        for expression in self.regexes:
            found |= np.fromiter(
                (url is not None and bool(expression.search(url)) for url in urls), np.bool_, len(urls)
            )
        return found

    def _host(self, host: str) -> bool:
        labels = host.lower().strip(".").split(".")
        return any(".".join(labels[at:]) in self.hosts for at in range(len(labels)))


def read_tombstones(index: Index) -> list[Tombstone]:
    """The deletions that count, oldest first. Raises UserError (exit 4) when the log was changed."""
    log = index.state.tombstones
    path = index.path / TOMBSTONES
    data = b""
    if log.bytes:
        try:
            with path.open("rb") as file:
                data = file.read(log.bytes)
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}", code=Exit.INPUT) from None
    if hashlib.sha256(data).hexdigest() != log.sha256:
        raise UserError(f"{path} is not what {NAME} says", hint=_CHANGED, code=Exit.INPUT)
    try:
        return [Tombstone.model_validate_json(line) for line in data.splitlines()]
    except ValidationError:
        raise UserError(f"{path} was written by another version of winnow", code=Exit.INPUT) from None


def deleted(index: Index) -> Deleted:
    """Everything that was ever deleted."""
    log = read_tombstones(index)
    return Deleted.by((one.asked for one in log), (key for one in log for key in one.ids))


def append(index: Index, tombstone: Tombstone) -> Log:
    """Write one more line, durably; it counts when the `Log` returned is committed."""
    path = index.path / TOMBSTONES
    log = index.state.tombstones
    line = tombstone.model_dump_json().encode() + b"\n"
    read_tombstones(index)
    before = path.read_bytes()[: log.bytes] if log.bytes else b""
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    sync(index.path)
    return Log(bytes=log.bytes + len(line), count=log.count + 1, sha256=hashlib.sha256(before + line).hexdigest())


_CHANGED = "the log was changed or cut; put its copy back, for later runs would bring back what was deleted"
