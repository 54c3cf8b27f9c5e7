"""What `--reward NAME` means: the settings of a file, a rule without settings by its kind, else a reward model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.rewards.open import read_settings
from train.rewards.settings import RewardSettings
from workbench.recipes import from_set, from_values, resolve

_RULES = ("arithmetic", "repetition")
_FILES = ("answers", "tests", "scores", "prompt", "baseline")


def read_reward(name: str, sets: Sequence[str] = ()) -> tuple[RewardSettings, Path]:
    """The settings, with what `--set` changes of them, and the folder that files in them are relative to. UserError
    with line and column."""
    if _is_file(name):
        return read_settings(Path(name), sets), Path(name).parent
    layers = [from_values(_plain(name), "--reward"), *(from_set(each) for each in sets)]
    return resolve(RewardSettings, layers).recipe, Path()


def named_anywhere(name: str) -> dict[str, Any]:
    """The settings as a part of another recipe has them: files are found from anywhere."""
    if not _is_file(name):
        return _plain(name)
    settings = read_settings(Path(name)).model_dump(mode="json", exclude_unset=True)
    return _placed(settings, Path(name).parent.resolve())


def _is_file(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml")


def _plain(name: str) -> dict[str, Any]:
    part = {"kind": name} if name in _RULES else {"kind": "model", "run": name}
    return {"parts": {name if name in _RULES else "model": part}}


def _placed(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    for part in settings["parts"].values():
        for field in _FILES:
            if isinstance(part.get(field), str):
                part[field] = str(folder / part[field])
        if part["kind"] == "baseline":
            _placed(part["reward"], folder)
    return settings
