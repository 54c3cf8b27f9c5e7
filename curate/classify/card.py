"""The card of a trained classifier: what it was made from, what it is worth, what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.classify.model import Described
from curate.classify.settings import Training
from workbench.html import Html

_SIZE, _EDGE = 320, 40


def card(kind: str, settings: Training, described: Described, evaluation: Mapping[str, Any]) -> str:
    """Markdown; nothing in it depends on the machine or the day."""
    name = kind.removeprefix("curate.").capitalize()
    lines = [f"# {name} classifier ({described.engine})", ""]
    lines += [f"Labels: {', '.join(described.labels)}. Seed {settings.seed}.", ""]
    lines += ["## Examples", "", "| label | source | side | documents | pieces | groups | tokens (estimate) |"]
    lines += ["|---|---|---|---:|---:|---:|---:|"]
    for row in evaluation["used"]:
        side = "held out" if row["held_out"] else "trained on"
        lines.append(
            f"| {_cell(row['label'])} | {_cell(row['source'])} | {side} | {row['documents']:,} | {row['pieces']:,} | "
            f"{row['groups']:,} | {row['tokens']:,} |"
        )
    lines += ["", "No host and no file has examples on both sides, but as noted below.", ""]
    lines += ["## On the held-out examples", "", "| measure | value |", "|---|---:|"]
    lines += [f"| {_cell(label)} | {shown} |" for label, shown in figures(evaluation)]
    lines += _classes(evaluation)
    for label, report in evaluation.get("by_label", {}).items():
        lines += ["", f"### {_cell(label)}", "", "| measure | value |", "|---|---:|"]
        lines += [f"| {_cell(name)} | {shown} |" for name, shown in figures(report)]
    for column, title in (("by_source", "By source"), ("by_lang", "By language"), ("by_length", "By length")):
        lines += _groups(evaluation.get(column, []), title)
    lines += ["", "## Limits", ""]
    lines += [f"- {note}." for note in evaluation.get("notes", [])]
    lines += [f"- {note}" for note in _LIMITS.get(kind, ())]
    lines += ["- A score says how like its examples a text is, and nothing else."]
    return "\n".join(lines) + "\n"


_LIMITS = {
    "curate.quality": (
        "What differs between the sources, topic and layout included, is what was learned; see the scores by language "
        "and length before a threshold is used.",
    ),
    "curate.domains": ("Labels from seed terms are guesses: the figures then say how well the guesses are repeated.",),
    "curate.harm": ("Talk about harm, quotations and reclaimed words are often scored as harm.",),
    "curate.pii": ("Trained on generated texts: on real pages precision and recall are lower.",),
}


def figures(evaluation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of the headline numbers."""
    names = {
        "examples": "examples",
        "positive": "of them positive",
        "roc_auc": "ROC-AUC",
        "average_precision": "average precision",
        "brier": "Brier score",
        "accuracy": "accuracy",
        "accuracy_of_most_frequent": "accuracy of always naming the most frequent",
        "macro_f1": "macro F1",
        "log_loss": "log loss",
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
    }
    found = []
    for key, name in names.items():
        value = evaluation.get(key)
        if value is not None:
            found.append((name, f"{value:,}" if isinstance(value, int) else f"{value:.4f}"))
    limit = evaluation.get("threshold")
    if limit:
        found.append((f"threshold for {limit['wanted']:.0%} of the tokens", f"{limit['threshold']:.4f}"))
    return found


def _classes(evaluation: Mapping[str, Any]) -> list[str]:
    if not evaluation.get("classes"):
        return []
    lines = ["", "| class | precision | recall | F1 | examples |", "|---|---:|---:|---:|---:|"]
    for row in evaluation["classes"]:
        values = " | ".join(f"{row[name]:.3f}" for name in ("precision", "recall", "f1"))
        lines.append(f"| {_cell(row['label'])} | {values} | {row['examples']:,} |")
    return lines


def _groups(rows: Sequence[Mapping[str, Any]], title: str) -> list[str]:
    if not rows:
        return []
    lines = ["", f"### {title}", "", "| | examples | positive | mean score | of positives | of negatives |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        name, *_ = row.values()
        label = f"from {name:,} characters" if isinstance(name, int) else str(name)
        numbers = (row["positive"], row["mean"], row["mean_positive"], row["mean_negative"])
        cells = " | ".join("" if value is None else f"{value:.3f}" for value in numbers)
        lines.append(f"| {_cell(label)} | {row['examples']:,} | {cells} |")
    return lines


def _cell(text: str) -> str:
    from workbench.visible import one_line

    return one_line(text).replace("|", "\\|").replace("<", "&lt;")


def calibration_svg(points: Sequence[tuple[float, float, int]]) -> Html:
    """Share of positives against mean score; on the diagonal a score is a probability."""

    def x(value: float) -> float:
        return _EDGE + (_SIZE - _EDGE - 10) * value

    def y(value: float) -> float:
        return 10 + (_SIZE - _EDGE - 10) * (1 - value)

    parts = [f'<line class="limit" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<text class="soft" x="{x(tick):.1f}" y="{_SIZE - 14}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text class="soft" x="{_EDGE - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for score, share, examples in points:
        told = f"score {score:.2f}: {share:.1%} of {examples:,} are positive"
        parts.append(
            f'<rect class="keep" x="{x(score) - 4:.1f}" y="{y(share) - 4:.1f}" width="8" height="8" rx="4">'
            f"<title>{told}</title></rect>"
        )
    parts.append(f'<text class="soft" x="{x(0.5):.1f}" y="{_SIZE - 1}" text-anchor="middle">mean score</text>')
    return Html(
        f'<svg viewBox="0 0 {_SIZE} {_SIZE}" role="img" aria-label="calibration" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
