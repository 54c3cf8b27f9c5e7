"""The life of one page on the screen."""

from __future__ import annotations

from typing import Any

from curate.ask.explain import CONTEXT_CHARS
from curate.ask.finished import FinishedRun
from workbench.render import Block, Facts, Table
from workbench.visible import one_line

_ROWS = 20


def page_blocks(run: FinishedRun, answer: dict[str, Any]) -> list[Block]:
    """Origin, outcome, rules with values and thresholds, edits, the text's beginning, and the rescue."""
    decision = answer["decision"]
    blocks: list[Block] = [
        Facts(
            [
                ("page", decision["url"]),
                ("id", decision["id"]),
                ("from", f"{decision['file']} at {decision['row']}"),
                ("title", answer["title"]),
                ("language", decision["lang"]),
                ("tokens", decision["tokens"]),
                ("outcome", _outcome(decision)),
            ]
        )
    ]
    if answer["rules"]:
        failing = [rule for rule in answer["rules"] if rule["fails"]]
        close = sorted(
            (
                rule
                for rule in answer["rules"]
                if rule["applies"] and not rule["fails"] and rule["distance"] is not None
            ),
            key=lambda rule: abs(rule["distance"]),
        )
        table = [
            [rule["rule"], rule["value"], rule["limit"], "fails" if rule["fails"] else "passes"]
            for rule in [*failing, *close[: max(3, _ROWS - len(failing))]]
        ]
        title = f"Profile {run.profile.name}: {len(failing)} of {len(answer['rules'])} rules fail"
        blocks.append(Table(["rule", "value", "drops if", ""], table, title))
    if answer["edits"]:
        rows = [
            [
                edit["kind"],
                f"{edit['start']}-{edit['end']}",
                edit["removed"] or f"(digest {edit['digest'][:12]})",
                edit["replacement"],
            ]
            for edit in answer["edits"][:_ROWS]
        ]
        more = len(answer["edits"]) - len(rows)
        blocks.append(
            Table(["edit", "characters", "removed", "replaced by"], rows, "Edits", f"{more} more" if more > 0 else "")
        )
    if answer["text"]:
        begin = answer["text"][:CONTEXT_CHARS]
        blocks.append("Text: " + one_line(begin) + ("…" if len(answer["text"]) > CONTEXT_CHARS else ""))
    if answer["rescue"]:
        blocks.append("What would rescue it:\n" + "\n".join(f"  {one_line(line)}" for line in answer["rescue"]))
    return blocks


def _outcome(decision: dict[str, Any]) -> str:
    if decision["state"] == "kept":
        return "kept"
    if decision["state"] == "failed":
        return f"failed in {decision['step']}: {decision['error']}"
    value = "" if decision["value"] is None else f", value {decision['value']}"
    limit = "" if decision["threshold"] is None else f", threshold {decision['threshold']}"
    partner = "" if decision["partner"] is None else f", the record kept is {decision['partner']}"
    also = [rule for rule in decision["fails"] if rule != decision["rule"]]
    more = f" (also fails: {', '.join(also)})" if also else ""
    return f"dropped by {decision['rule']}{value}{limit}{partner}{more}"
