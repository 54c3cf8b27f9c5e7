"""The life of one page on the screen."""

from __future__ import annotations

from shlex import quote
from typing import Any

from curate.ask.explain import CONTEXT_CHARS, short_value
from curate.ask.finished import FinishedRun
from curate.ask.side_by_side import pieces
from workbench.render import Beside, Block, Facts, Table
from workbench.visible import one_line

_ROWS = 20
_PLACES = 20  # where the texts of two duplicates differ
_SAME_CHARS, _OTHER_CHARS = 240, 1200


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
    duplicate = answer["duplicate"]
    if duplicate is not None:
        shown = {"kept": _kept, "removed": _removed, "deleted": _deleted}
        blocks += shown[duplicate["role"]](duplicate)
    compared = duplicate is not None and duplicate.get("side_by_side") is not None
    if compared:
        blocks.append(_beside(duplicate, answer["text"]))
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
    if answer["blocks"] is not None:
        blocks.append(block_table(answer["blocks"]["blocks"], answer["blocks"]["least"]))
    if answer["contamination"]:
        places = [
            [
                f"{row['suite']}:{row['item']}",
                row["part"],
                f"{row['score']:.2f}",
                f"{row['threshold']:.2f}",
                f"{row['start']}-{row['end']}",
                row["length"],
            ]
            for row in answer["contamination"][:_ROWS]
        ]
        columns = ["item", "part", "score", "found from", "characters", "words"]
        blocks.append(Table(columns, places, "Benchmark items"))
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
    if answer["text"] and not compared:
        begin = answer["text"][:CONTEXT_CHARS]
        blocks.append("Text: " + one_line(begin) + ("…" if len(answer["text"]) > CONTEXT_CHARS else ""))
    if answer["rescue"]:
        blocks.append("What would rescue it:\n" + "\n".join(f"  {one_line(line)}" for line in answer["rescue"]))
    return blocks


def block_table(found: list[dict[str, Any]], least: float) -> Table:
    """The blocks of a page in their order, with the score by which each was kept or dropped."""
    rows = [
        ["kept" if block["kept"] else "", f"{block['score']:+.1f}", block["element"], block["words"], block["text"]]
        for block in found
    ]
    return Table(["", "score", "element", "words", "text"], rows, f"Blocks; kept from a score of {least:+.2f}")


def _outcome(decision: dict[str, Any]) -> str:
    if decision["state"] == "kept":
        return "kept"
    if decision["state"] == "failed":
        return f"failed in {decision['step']}: {decision['error']}"
    value = "" if decision["value"] is None else f", value {short_value(decision['value'])}"
    limit = "" if decision["threshold"] is None else f", threshold {decision['threshold']}"
    partner = "" if decision["partner"] is None else f", the record kept is {decision['partner']}"
    also = [rule for rule in decision["fails"] if rule != decision["rule"]]
    more = f" (also fails: {', '.join(also)})" if also else ""
    return f"dropped by {decision['rule']}{value}{limit}{partner}{more}"


def _kept(duplicate: dict[str, Any]) -> list[Block]:
    """For which removed pages a kept one stands."""
    rows = [[row["dropped_id"][:12], row["url"], row["method"], row["jaccard"]] for row in duplicate["removed"]]
    more = duplicate["stands_for"] - len(rows)
    title = f"Stands for {duplicate['stands_for']:,} removed duplicates"
    note = f"{more:,} more" if more else ""
    return [Table(["removed", "page", "found by", "similarity"], rows, title, note)] if rows else []


def _removed(duplicate: dict[str, Any]) -> list[Block]:
    """The page that was kept instead of a removed one."""
    others = duplicate["cluster_documents"]
    index = duplicate["index"]
    facts = [
        ("kept", duplicate["kept_url"] or ("a document of the index" if index else None)),
        ("its id", duplicate["kept_id"]),
        ("found by", duplicate["method"]),
        ("similarity", duplicate["jaccard"]),
        ("containment", duplicate["containment"]),
        ("cluster", f"{duplicate['cluster']}: {others:,} documents, {duplicate['cluster_kept']:,} of them kept"),
    ]
    blocks: list[Block] = [Facts([*facts, *_index_facts(index)], "Duplicate")]
    if index is not None and index["problem"] is None:
        told = f"More of it: curate index trace {quote(index['path'])} {duplicate['kept_id']}"
        blocks.append(told if "url" in index else f"The index has the kept page no more. {told}")
    return blocks


def _deleted(duplicate: dict[str, Any]) -> list[Block]:
    """When and why a page was deleted from the index."""
    index = duplicate["index"]
    facts = [("deleted on", index.get("time")), ("reason", index.get("reason") or None)]
    return [Facts([*facts, *_index_facts(index)], "Deleted from the index")]


def _index_facts(index: dict[str, Any] | None) -> list[tuple[str, Any]]:
    if index is None:
        return []
    problem = [] if index["problem"] is None else [("cannot be read", index["problem"])]
    return [("index", index["path"]), *problem]


def _beside(duplicate: dict[str, Any], text: str) -> Beside:
    """The texts of a kept page and of its duplicate beside each other, the shingles that both have marked."""
    both = duplicate["side_by_side"]
    rows: list[tuple[list[tuple[str, bool]], list[tuple[str, bool]], bool]] = []
    places = 0
    for stretch in both["stretches"]:
        sides = (duplicate["kept_text"], stretch["kept"], both["kept"]), (text, stretch["dropped"], both["dropped"])
        places += not stretch["same"]
        if places <= _PLACES:
            room = _SAME_CHARS if stretch["same"] else _OTHER_CHARS
            left, right = (pieces(whole, span, marks, room) for whole, span, marks in sides)
            rows.append((left, right, stretch["same"]))
    sizes = f"{both['shared']:,} shared shingles, {both['kept_size']:,} in the kept page, {both['dropped_size']:,} here"
    note = f"{places - _PLACES:,} more places where they differ" if places > _PLACES else ""
    return Beside(("kept", "removed"), rows, sizes, note)
