"""What commands found out, as tables and as the data of the envelope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.tokens import label
from workbench.console import Result, Screen
from workbench.errors import Exit, UserError
from workbench.render import Block, Facts, Table, duration, percent, size

if TYPE_CHECKING:
    from curate.pipeline.child import Child
    from curate.pipeline.rollups import Funnel
    from curate.pipeline.run import Outcome
    from curate.recipe import Plan


def funnel_table(funnel: Funnel, title: str, tokenizer: str | None) -> Table:
    """Documents and tokens by step."""
    rows: list[list[Any]] = [
        [
            level.step,
            level.documents_in,
            level.dropped,
            level.failed,
            level.documents_out,
            percent(level.documents_out / funnel.total if funnel.total else None),
            level.tokens_out,
            size(level.bytes_out),
        ]
        for level in funnel.levels
    ]
    note = (
        f"{funnel.total:,} records = {funnel.kept:,} kept + {funnel.dropped:,} dropped + {funnel.failed:,} failed; "
        f"{funnel.tokens_kept:,} {label(tokenizer)} kept"
    )
    return Table(["step", "in", "dropped", "failed", "out", "left", "tokens left", "bytes left"], rows, title, note)


def funnel_data(funnel: Funnel) -> dict[str, Any]:
    """The same for machines."""
    return {
        "records": funnel.total,
        "kept": funnel.kept,
        "dropped": funnel.dropped,
        "failed": funnel.failed,
        "tokens_kept": funnel.tokens_kept,
        "bytes_kept": funnel.bytes_kept,
        "steps": [level._asdict() for level in funnel.levels],
    }


def outcome_result(outcome: Outcome, screen: Screen) -> Result:
    """Of `run` and `retry`: the funnel, or the units that failed (exit 3)."""
    run = outcome.run
    if outcome.failed:
        table = Table(["unit", "why"], [list(unit) for unit in outcome.failed], "Units that failed")
        error = UserError(
            f"{len(outcome.failed)} of {outcome.units} units failed; the others are kept in {run.path}",
            hint=f"take them once more: curate retry {run.path}",
            code=Exit.PARTIAL,
        )
        data = {"failed_units": [{"unit": unit, "error": why} for unit, why in outcome.failed]}
        return Result(data, [table], run.path, Exit.PARTIAL, [error])
    assert outcome.funnel is not None
    if outcome.never_fired:
        lists = f", {len(outcome.without_list)} of them for want of a list" if outcome.without_list else ""
        screen.say(f"{len(outcome.never_fired)} rules failed no document{lists} (-v names them)")
        screen.detail(f"rules that failed no document: {', '.join(outcome.never_fired)}")
    found = {
        **funnel_data(outcome.funnel),
        "never_fired": outcome.never_fired,
        "without_list": outcome.without_list,
        "was_done": outcome.was_done,
    }
    title = f"{run.path}: done before, nothing to do" if outcome.was_done else f"{run.path}"
    blocks: list[Block] = [funnel_table(outcome.funnel, title, outcome.tokenizer)]
    return gated(Result(found, blocks, run.path), outcome.gates)


def gated(result: Result, gates: Sequence[str]) -> Result:
    """The result with every check that failed as an error (exit 1): the run is there, but not to be exported."""
    look = "look at it with 'curate duplicates', then change the settings, or allow it: duplicates.guards.override=true"
    items = "see the table items, or take them out: curate decide RUN --set decontaminate.remove=document"
    errors = [UserError(gate, hint=items if " items of " in gate else look, code=Exit.GATE) for gate in gates]
    return replace(result, code=Exit.GATE, errors=errors) if errors else result


def decided_result(child: Child) -> Result:
    """Of `decide`: the child's funnel beside what its parent kept."""
    data = {**funnel_data(child.funnel), "parent": funnel_data(child.parent), "never_fired": child.never_fired}
    facts = Facts(
        [
            ("kept before", f"{child.parent.kept:,} documents, {child.parent.tokens_kept:,} tokens"),
            ("kept now", f"{child.funnel.kept:,} documents, {child.funnel.tokens_kept:,} tokens"),
        ]
    )
    blocks: list[Block] = [funnel_table(child.funnel, str(child.run.path), child.tokenizer), facts]
    return gated(Result(data, blocks, child.run.path), child.gates)


def plan_result(plan: Plan, *, probe: bool) -> Result:
    """Of `plan` and `run --dry-run`."""
    from curate.ask.plan import forecast

    found = forecast(plan, probe=probe, where=Path.cwd())
    facts: list[tuple[str, Any]] = [
        ("profile", plan.settings.profile.name),
        ("steps", " > ".join(found.steps)),
        ("input", f"{found.files:,} files, {size(found.bytes)}, {found.units:,} units of work"),
        ("free disk", size(found.free_disk_bytes)),
    ]
    if found.probe is not None:
        cost = found.probe
        facts += [
            ("probe", f"{cost.records} records, {cost.cpu_ms_per_record:.2f} ms a record"),
            ("records, about", f"{cost.records_total:,}"),
            ("time, about", f"{duration(cost.wall_s_total)} on all cores ({duration(cost.cpu_s_total)} of CPU time)"),
            ("disk, about", size(cost.disk_bytes)),
            ("memory of a worker", f"{cost.memory_mb_per_worker:,} MB in the probe"),
        ]
    blocks: list[Block] = [Facts(facts)]
    if found.exchanges:
        rows = [
            [one.name, size(one.peak_memory_bytes), size(one.disk_bytes), one.partitions] for one in found.exchanges
        ]
        note = f"memory of all processes together, within duplicates.memory_gb = {plan.recipe.duplicates.memory_gb:g}"
        blocks.append(Table(["exchange", "memory", "disk", "partitions"], rows, "Exchanges, about", note))
    from dataclasses import asdict

    data = asdict(found) | {"exchanges": [one._asdict() for one in found.exchanges]}
    return Result(data, blocks)
