"""Retrieval as people read it: numbers without and with context, and the documents of one item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.run.rows import label
from evalkit.run.show import interval, number
from evalkit.run.summarise import estimate_of
from workbench.render import Block, Table


def blocks(summary: Mapping[str, Any]) -> list[Block]:
    """The numbers without and with context side by side, and what was found."""
    retrieval = summary.get("retrieval")
    if retrieval is None:
        return []
    rows = []
    last = None
    for row in retrieval["beside"]:
        head = (label(row["task"], row["preset"]), row["other"].rpartition("+")[2])
        values = (number(row["metric"], row[name]) for name in ("before", "after"))
        off = estimate_of(row["difference"])
        shown = (number(row["metric"], off.value), interval(row["metric"], off), row["p"], off.n)
        rows.append((*(head if head != last else ("", "")), row["metric"], *values, *shown))
        last = head
    columns = ("task", "context", "metric", "as it is", "with it", "difference", "95 % interval", "p", "items")
    corpus = retrieval["corpus"]
    searched = f"{corpus['searched']:,} of {corpus['documents']:,} documents of {corpus['run']} were searched"
    return [Table(columns, rows, "The same items with another context", searched), *_found(summary["tasks"])]


def _found(tasks: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    counts = ("items", "answer_in_context", "documents", "documents_dropped")
    rows = [
        (label(task["task"], task["preset"]), task["items"], *(task["retrieval"][name] for name in counts))
        for task in tasks
        if task.get("retrieval") is not None
    ]
    if rows:
        columns = ("task", "items", "found something", "answer in context", "documents", "did not fit")
        yield Table(columns, rows, "What was found")


def document_blocks(row: Mapping[str, Any]) -> Iterator[Block]:
    """What was looked for and found for one item. The texts stand in its prompt."""
    if row.get("retrieved") is None:
        return
    yield f"--- looked for ---\n{row['query']}"
    documents = [
        (place, one["id"], one["url"], one["score"], one["chars"], "yes" if one["used"] else "did not fit")
        for place, one in enumerate(row["retrieved"], 1)
    ]
    answered = "a right answer stands in them" if row["answer_in_context"] else "no right answer stands in them"
    yield Table(("", "document", "url", "score", "characters", "in the prompt"), documents, "Found", answered)
