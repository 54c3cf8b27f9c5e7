"""How `datasets` finds the splits of an export: by the names of its files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import yaml

_SHARD = re.compile(r"data/(?:(?P<phase>[^/]+)/)?(?P<split>[a-z][a-z0-9_]*)-\d{5,}-of-\d{5,}(?P<ending>\.[a-z.]+)")


def place(path: str) -> tuple[str | None, str] | None:
    """The phase and the split that a data file of an export belongs to."""
    found = _SHARD.fullmatch(path)
    return None if found is None else (found["phase"], found["split"])


def configs(paths: Iterable[str]) -> list[dict[str, Any]]:
    """The `configs` of a dataset card: one for each phase of a mix, else `default`; the first is the default.

    Data files of any other layout (the `documents/` of a run) are one split, `train`.
    """
    patterns: dict[str, dict[str, str]] = {}
    for path in paths:
        found = _SHARD.fullmatch(path)
        if found is None:
            patterns.setdefault("default", {})["train"] = f"{PurePosixPath(path).parent}/*{PurePosixPath(path).suffix}"
            continue
        folder = "data" if found["phase"] is None else f"data/{found['phase']}"
        splits = patterns.setdefault(found["phase"] or "default", {})
        splits[found["split"]] = f"{folder}/{found['split']}-*{found['ending']}"
    listed: list[dict[str, Any]] = []
    for name, splits in patterns.items():
        files = [{"split": split, "path": pattern} for split, pattern in splits.items()]
        default = {} if listed else {"default": True}
        listed.append({"config_name": name, "data_files": files, **default})
    return listed


def front_matter(values: dict[str, Any]) -> str:
    """The YAML at the head of a card, by the rules of YAML 1.1 that Hugging Face reads it by."""
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n"
