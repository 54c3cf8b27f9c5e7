"""The card of a trained model: Markdown with the metadata block that model hubs read, from what the run knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.files import write_text
from workbench.visible import one_line
from workbench.yamltree import dump

CARD = "README.md"
BLANK = "*(to be filled in by whoever publishes the model)*"
_TITLES = {
    "train.pretrain": "pretrained on text",
    "train.anneal": "annealed",
    "train.extend": "extended to a longer context",
    "train.sft": "fine-tuned on conversations",
    "train.reward": "as a reward model, fine-tuned on preferences",
    "train.dpo": "fine-tuned on preferences by direct optimisation",
    "train.pg": "fine-tuned on rewards by policy gradients",
    "train.ppo": "fine-tuned on rewards by PPO",
}


def write_card(path: Path, data: Mapping[str, Any]) -> None:
    """Write `README.md` into a run; `data` is its `stage.json`."""
    parameters = data["parameters"]
    head = {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["winnow"]}
    lines = [
        "---",
        dump(head).rstrip("\n"),
        "---",
        "",
        f"# {one_line(path.resolve().name)}",
        "",
        f"A language model of {parameters['total']:,} parameters, {_TITLES.get(data['kind'], data['kind'])}:"
        f" {data['steps']:,} steps over {data['tokens']:,} tokens.",
        "",
        "## Data",
        "",
        *(f"- {one_line(str(name))}: {one_line(str(value))}" for name, value in data.get("data", {}).items()),
        "",
        *_table(
            ["part", "tokens", "epochs"],
            [
                [one_line(name), f"{part['tokens']:,.0f}", f"{part['epochs']:.2f}"]
                for name, part in data["seen"].items()
            ],
        ),
        "",
        "## Held-out loss",
        "",
        *_measured(data),
        "",
        "## Intended use, limits, licence",
        "",
        BLANK,
        "",
        "Nobody has judged this model's answers. It repeats what its data say, errors and offences included.",
        "",
    ]
    write_text(path / CARD, "\n".join(lines))


def _measured(data: Mapping[str, Any]) -> list[str]:
    if not data["measured"]:
        return ["Nothing was held out."]
    rows = []
    for row in data["measured"]:
        bits = row["bits_per_byte"]
        rows.append([one_line(row["part"] or "all"), f"{row['loss']:.4f}", "-" if bits is None else f"{bits:.4f}"])
    found = _table(["part", f"nats a {data['unit']}", "bits a byte"], rows)
    for order, bits in data.get("baselines", {}).items():
        found += ["", f"An interpolated {order}-gram model of the same tokens: {bits:.4f} bits a byte."]
    return found


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    cells = [
        heads,
        ["---"] + ["---:"] * (len(heads) - 1),
        *([cell.replace("|", "\\|") for cell in row] for row in rows),
    ]
    return ["| " + " | ".join(row) + " |" for row in cells]
