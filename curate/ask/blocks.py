"""The blocks of a page as its run's extractor judged them, from the page as it stands in the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from curate.ask.finished import FinishedRun
from curate.extract.engines.settings import BUILTIN
from curate.sample import register_inputs
from curate.sources import plan_units, read_unit
from workbench.errors import UserError


def blocks(run: FinishedRun, decision: dict[str, Any]) -> dict[str, Any] | None:
    """Blocks with scores, kept and dropped; None where another engine read the page, or the input is gone."""
    settings = run.settings
    if settings.extract.engine != "winnow" or decision["state"] == "failed":
        return None
    html = _html(run, decision)
    if html is None:
        return None
    from curate.extract.explain import blocks_of

    model = settings.extract.model
    found = blocks_of(html, settings.extract.favor, None if model == BUILTIN else Path(model))
    return found._asdict() | {"blocks": [block._asdict() for block in found.blocks]}


def _html(run: FinishedRun, decision: dict[str, Any]) -> str | None:
    """The body of the page's record; None where it is not HTML or cannot be read again."""
    try:
        inputs = yaml.safe_load((run.path / "recipe.yaml").read_text("utf-8"))["input"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None
    register_inputs()
    options = run.settings.read_options()
    try:
        specs = plan_units(list(inputs), unit_bytes=int(run.settings.read.unit_mb * 1e6), options=options)
    except UserError:
        return None
    for spec in specs:
        if spec.file == decision["file"]:
            for record in read_unit(spec, options):
                if record.id == decision["id"]:
                    return record.body if record.kind == "html" else None
    return None
