"""The life of one page: origin, every rule with value and threshold, every edit, and what would rescue it."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from curate.ask.blocks import blocks
from curate.ask.finished import FinishedRun
from curate.ask.partner import partner
from curate.pipeline.decide import CONTAMINATION_STEP, DUPLICATES_STEP
from curate.rules import Profile, Rule, evaluate, margins

CONTEXT_CHARS = 400

# What a person can do about pages that no rule of the profile judged.
_READ_ADVICE = {
    "read.status": "the server did not answer with the page; only another crawl brings it",
    "read.mime": "the body is not HTML or text; the pipeline reads no other types",
    "read.empty_body": "the record has no body; only another crawl brings it",
    "read.revisit": "the record says that the page is unchanged since an earlier crawl; the page is in that crawl",
    "read.same_record": "an earlier record of this run has the same id; see its partner",
    "extract.empty": "the extractor found no main text; try another one, as with --set extract.engine=resiliparse",
}

# And about pages that passed every rule, but say what a kept page says.
_OTHER_ORDER = "another order in duplicates.survivor may keep this page instead of the other"
_DUPLICATE_ADVICE = {
    "duplicates.text": f"both pages have one text; {_OTHER_ORDER}",
    "duplicates.near": (
        f"a duplicates.near.threshold above its similarity, where no other kept page is as near; {_OTHER_ORDER}"
    ),
    "duplicates.url": f"both pages have one address; {_OTHER_ORDER}",
}


def short_value(value: str | None) -> str | None:
    """A stored value as people read it: a long fraction is cut to four digits, names and whole numbers stay."""
    try:
        return f"{float(value):.4g}" if value is not None and len(value) > 6 and "." in value else value
    except ValueError:
        return value


def explain(run: FinishedRun, key: str) -> dict[str, Any]:
    """Everything the run knows about the page named by id or URL; see FinishedRun.decision for how it is named."""
    decision = run.decision(key)
    own = decision["rule"] != "read.same_record"
    measures = run.row("measures", decision["id"]) if own else None
    text = run.row("documents" if decision["state"] == "kept" else "dropped", decision["id"]) if own else None
    edits = (
        run.scan("edits").filter(pl.col("id") == decision["id"]).collect().sort("start", "end").to_dicts()
        if own
        else []
    )
    rules = []
    if measures is not None:
        rules = judged(run.profile, run.scan("measures").filter(pl.col("id") == decision["id"]).head(1).collect())
    duplicate = partner(run, decision, (text or {}).get("text")) if own else None
    return {
        "decision": decision,
        "rules": rules,
        "edits": edits,
        "measures": measures or {},
        "text": (text or {}).get("text"),
        "title": (text or {}).get("title"),
        "duplicate": duplicate,
        "contamination": _items(run, decision["id"]) if own else [],
        "blocks": blocks(run, decision) if own else None,
        "rescue": rescue(decision, rules, duplicate),
    }


def _items(run: FinishedRun, key: str) -> list[dict[str, Any]]:
    """The places of the page where benchmark items stand, the best first; none where nobody looked for any."""
    if not run.has("contamination"):
        return []
    rows = run.scan("contamination").filter(pl.col("id") == key).collect()
    order = ["score", "suite", "item", "part", "start"]
    return rows.sort(order, descending=[True, False, False, False, False]).to_dicts()


def judged(profile: Profile, row: pl.DataFrame) -> list[dict[str, Any]]:
    """Every rule of the profile with a page's value, in declared order; `applies` is false for other languages.

    row: the page's row of `measures`.
    """
    fails = set(evaluate(profile, row).fails[0])
    found = []
    for rule in profile.rules:
        distance = margins(profile, rule, row)["distance"][0]
        found.append(
            {
                "rule": rule.id,
                "measure": profile.column(rule),
                "value": row[profile.column(rule)][0],
                "limit": rule.limit,
                "drop_if": rule.drop_if,
                "applies": _applies(rule, row["language.lang"][0]),
                "fails": rule.id in fails,
                "distance": distance,
                "why": rule.why,
            }
        )
    return found


def _applies(rule: Rule, lang: str | None) -> bool:
    """Whether the rule looks at pages of this language."""
    if rule.when is None or lang is None:
        return True
    return lang in rule.when.langs if rule.when.langs else lang not in rule.when.not_langs


def rescue(decision: dict[str, Any], rules: list[dict[str, Any]], duplicate: dict[str, Any] | None) -> list[str]:
    """What would have to change for a page that is missing to be kept.

    rules: of `judged`. duplicate: of `curate.ask.partner.partner`, which tells of a deletion from an index.
    """
    if decision["state"] == "kept":
        return []
    if decision["state"] == "failed":
        return [f"it failed while in {decision['step']}: {decision['error']}"]
    if decision["rule"] in _READ_ADVICE:
        return [_READ_ADVICE[decision["rule"]]]
    if duplicate is not None and duplicate["role"] == "deleted":
        return [_deleted(duplicate["index"])]
    if decision["step"] == DUPLICATES_STEP:
        return [_DUPLICATE_ADVICE[decision["rule"]]] if decision["rule"] in _DUPLICATE_ADVICE else []
    if decision["step"] == CONTAMINATION_STEP:
        suite, _, item = decision["partner"].rpartition(":")
        found = f"it holds item {item} of {suite} (score {decision['value']}, dropped from {decision['threshold']})"
        return [f"{found}; benchmark items stay where they are with decontaminate.remove=none, or without --remove"]
    failing = [rule for rule in rules if rule["fails"]]
    blind = [rule["measure"] for rule in failing if _is_unknown(rule["value"])]
    if blind:
        return [f"its measure {name} is unknown: nothing passes unchecked" for name in dict.fromkeys(blind)]
    changes = [_setting(rule) for rule in failing]
    if any(change is None for change in changes):
        return ["no threshold rescues it: a rule compares with a list of names"]
    together = "" if len(changes) < 2 else f"all {len(changes)} together"
    return [*(change for change in changes if change), *([together] if together else [])]


def _deleted(index: dict[str, Any]) -> str:
    """What a person can do about a page that was deleted from an index."""
    when = f" on {index['time'][:10]}" if index.get("time") else ""
    why = f" ({index['reason']})" if index.get("reason") else ""
    return (
        f"it was deleted from the index {index['path']}{when}{why} and stays away from every run with it; "
        "a deletion is for good: only a run without this index (duplicates.index) may keep the page"
    )


def _is_unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _setting(rule: dict[str, Any]) -> str | None:
    """The `--set` with which this rule would let the page pass: its own value, or the nearest number beyond it."""
    value, drop_if = rule["value"], rule["drop_if"]
    if not isinstance(value, int | float) or drop_if not in (">", "<", ">=", "<="):
        return None
    if drop_if in (">=", "<="):  # the comparison includes its threshold: the value itself would still fail
        up = drop_if == ">="
        value = (
            value + (1 if up else -1)
            if isinstance(value, int)
            else math.nextafter(value, math.inf if up else -math.inf)
        )
    return f"--set {rule['rule']}={value!r}"
