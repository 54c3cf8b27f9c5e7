"""`evalkit compare`: two runs on the same items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError, did_you_mean
from workbench.options import DEFAULT_ROOT, Root
from workbench.render import Block, Table

if TYPE_CHECKING:
    from evalkit.compare.flips import Flip
    from evalkit.compare.runs import Compared

Run = Annotated[str, typer.Argument(help="A finished run of `evalkit run`: its id under --root, or its path.")]


@command("evalkit.compare/1")
def compare(
    screen: Screen,
    a: Run,
    b: Run,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Compare by it; may be repeated (default: each task's first)."),
    ] = None,
    min_effect: Annotated[
        str | None, typer.Option("--min-effect", metavar="SIZE", help="Less does not matter: 0.5pt, or 0.005.")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", metavar="WHAT", help="regress: exit 1 where B is worse than A.")
    ] = None,
    flips: Annotated[
        int, typer.Option("--flips", min=0, metavar="N", help="Show N items each way that tell them apart.")
    ] = 0,
    different_prompts: Annotated[
        bool, typer.Option("--different-prompts", help="Compare items although they were asked differently.")
    ] = False,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Compare B with A, item by item: differences with intervals, and what they allow to say."""
    from evalkit.compare import flips as told
    from evalkit.compare.runs import compare_runs, effect
    from workbench import registry

    if fail_on not in (None, "regress"):
        raise UserError(f"nothing called '{fail_on}' to fail on", hint=did_you_mean(fail_on or "", ["regress"]))
    within = None if min_effect is None else effect(min_effect)
    first, second = registry.find(a, root), registry.find(b, root)
    found = compare_runs(first, second, metrics=metric or (), within=within, different_prompts=different_prompts)
    for note in found.notes:
        screen.warn(note)
    blocks: list[Block] = [_table(found.rows, str(first), str(second))]
    changed = [flip for row in found.rows for flip in told.flips(first, second, row, flips)] if flips else []
    if changed:
        blocks.append(_flips(changed))
    worse = found.regressions(within or 0.0) if fail_on else []
    errors = [
        UserError(f"{row.label}: {row.metric} is worse by {_size(row, row.loss)}", code=Exit.GATE) for row in worse
    ]
    if fail_on and found.missing:
        message = f"nothing of A's {', '.join(found.missing)} is compared, so that it is not known to be no worse"
        errors.append(UserError(message, hint="run B on the same tasks", code=Exit.PARTIAL))
    data = {
        "a": first,
        "b": second,
        "compared": [_data(row) for row in found.rows],
        "notes": found.notes,
        "missing": found.missing,
        "flips": [flip._asdict() for flip in changed],
        "regressions": [row.label for row in worse],
    }
    return Result(data, blocks, code=errors[0].code if errors else Exit.OK, errors=errors)


def _data(row: Compared) -> dict[str, Any]:
    difference = row.difference
    return {
        "task": row.task,
        "preset": row.preset,
        "metric": row.metric,
        "better": row.better,
        "a": difference.a,
        "b": difference.b,
        "difference": difference.estimate,
        "p": difference.p,
        "p_adjusted": row.p,
        "gained": difference.gained,
        "lost": difference.lost,
        "same": difference.same,
        "detectable": difference.detectable,
        "verdict": row.verdict.kind,
        "words": row.verdict.words,
        **{name: getattr(row, name) for name in ("only_a", "only_b", "unscored", "prompts")},
    }


def _table(rows: list[Compared], a: str, b: str) -> Table:
    columns = ("task", "metric", "items", "A", "B", "B - A", "95 % interval", "p", "detects", "flips", "verdict")
    cells = []
    for row in rows:
        found = row.difference
        interval = f"{_size(row, found.estimate.low)} to {_size(row, found.estimate.high)}"
        sizes = [_size(row, value) for value in (found.a, found.b, found.estimate.value)]
        flips = f"+{found.gained:,} -{found.lost:,}"
        detects = _size(row, found.detectable)
        p = None if row.p != row.p else f"{row.p:.3f}"
        cells.append((row.label, row.metric, found.estimate.n, *sizes, interval, p, detects, flips, row.verdict.words))
    note = f"A: {a}; B: {b}. p adjusted for {len(rows)} comparisons (Holm); detects: true difference found 4 times of 5"
    return Table(columns, cells, "Paired comparison", note)


def _size(row: Compared, value: float) -> str:
    from evalkit.run.show import number

    return number(row.metric, value)


def _flips(found: list[Flip]) -> Table:
    from evalkit.run.said import short

    columns = ("task", "item", "", "A said", "B said", "right", "asked")
    rows = [
        (flip.label, flip.item[:12], "gained" if flip.gained else "lost", *(short(text) for text in flip[3:]))
        for flip in found
    ]
    return Table(columns, rows, "Items that tell them apart", "evalkit show RUN --item ID shows one whole")
