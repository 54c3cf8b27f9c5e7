"""`evalkit contamination`: has a model read what it is asked?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, Force, Jobs, Out, Resume, Root, Seed
from workbench.render import Facts, Table

if TYPE_CHECKING:
    from evalkit.contamination.record import Where
    from workbench.runs import Run

ModelName = Annotated[
    str, typer.Option("--model", "-m", metavar="MODEL", help="A train run, checkpoint, Llama directory or server.")
]
Precision = Annotated[str, typer.Option("--precision", metavar="NAME", help="fp32 or bf16.")]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 ...")]
Batch = Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Sequences at a time.")]
Best = Annotated[bool, typer.Option("--best", help="Of runs, the best checkpoint instead of the last.")]
Context = Annotated[
    int | None, typer.Option("--context", min=2, metavar="N", help="Positions of a window (default: the model's).")
]
Stride = Annotated[
    int | None, typer.Option("--stride", min=1, metavar="N", help="New tokens of a window (default: half of it).")
]


@command("evalkit.contamination.order/1")
def order(
    screen: Screen,
    model: ModelName,
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="Examples in their published order, one a line.")
    ],
    field: Annotated[
        str | None, typer.Option("--field", metavar="NAME", help="Field of JSON lines to take (default: whole lines).")
    ] = None,
    shards: Annotated[int, typer.Option("--shards", min=2, metavar="N", help="Parts of the file.")] = 50,
    permutations: Annotated[int, typer.Option("--permutations", min=1, metavar="N", help="Other orders a part.")] = 250,
    limit: Annotated[int, typer.Option("--limit", min=4, metavar="N", help="Take the first N examples.")] = 5000,
    context: Context = None,
    stride: Stride = None,
    seed: Seed = 0,
    precision: Precision = "fp32",
    device: Device = "cpu",
    batch: Batch = None,
    best: Best = False,
    resume: Resume = True,
    force: Force = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Is the order of a file likelier to the model than other orders? It is, where the file was read (Oren et al.)."""
    from evalkit.contamination.checks import check_order
    from evalkit.contamination.order import CONTEXT, Plan, read_examples
    from evalkit.models.open import open_model
    from evalkit.models.types import Windows
    from workbench.files import sha256
    from workbench.manifest import Input

    examples = read_examples(data, field, limit)
    read = Input(path=str(data), bytes=data.stat().st_size, digest=sha256(data))
    opened = open_model(model, root=root, precision=precision, device=device, best=best, batch=batch)
    try:
        size = context or min(CONTEXT, opened.context or CONTEXT)
        plan = Plan.of(examples, shards, permutations, seed, Windows(size, stride or max(size // 2, 1)))
        where = _where(screen, root, out, resume, force)
        run, summary = check_order(opened, plan, read, where, seed=seed, field=field)
    finally:
        opened.close()
    difference = summary["difference"]
    facts = [
        ("verdict", summary["verdict"]),
        ("order of the file less others", f"{_interval(difference)} nats a shard, 95 %"),
        ("t", None if summary["t"] is None else f"{summary['t']:.3f} with {shards - 1} degrees of freedom"),
        ("p, one-sided", f"{summary['p']:.4g}"),
        ("p of a compressor in the model's place", f"{summary['p_compressor']:.4g}"),
        (
            "read as",
            f"{shards} shards, {permutations} orders each, windows of {size}, of them {plan.windows.stride} new",
        ),
    ]
    return _result(run, summary, [Facts(facts, title="Order")])


@command("evalkit.contamination.membership/1")
def membership(
    screen: Screen,
    model: ModelName,
    inside: Annotated[
        str, typer.Option("--in", metavar="DATA", help="Documents known to be trained on: a file, folder or run.")
    ],
    outside: Annotated[
        str, typer.Option("--not-in", metavar="DATA", help="Documents known not to be, alike in everything else.")
    ],
    data: Annotated[str | None, typer.Option("--data", metavar="DATA", help="Documents to judge.")] = None,
    text_field: Annotated[
        str | None, typer.Option("--text-field", metavar="NAME", help="The column of texts (default: the usual names).")
    ] = None,
    split: Annotated[
        str, typer.Option("--split", metavar="WHAT", help="A text is one of documents, paragraphs or lines.")
    ] = "documents",
    limit: Annotated[
        int | None, typer.Option("--limit", min=2, metavar="N", help="Of each, only so many, drawn by the seed.")
    ] = None,
    context: Context = None,
    stride: Annotated[
        int | None, typer.Option("--stride", min=1, metavar="N", help="New tokens of a window (default: a window's).")
    ] = None,
    seed: Seed = 0,
    precision: Precision = "fp32",
    device: Device = "cpu",
    batch: Batch = None,
    best: Best = False,
    resume: Resume = True,
    force: Force = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """How well Min-K%, Min-K%++, zlib and lower-case ratios tell documents trained on from others, for this model."""
    from evalkit.contamination import membership as scores
    from evalkit.contamination.checks import check_membership
    from evalkit.models.open import open_model
    from evalkit.models.types import Windows
    from evalkit.perplexity.texts import open_texts

    named = {scores.INSIDE: inside, scores.OUTSIDE: outside, **({} if data is None else {scores.ASKED: data})}
    sources = {name: open_texts(each, root, split=split, text_field=text_field) for name, each in named.items()}
    if limit is not None:
        for texts in sources.values():
            texts.draw(limit, seed)
    opened = open_model(model, root=root, precision=precision, device=device, best=best, batch=batch)
    try:
        where = _where(screen, root, out, resume, force)
        run, summary = check_membership(opened, sources, Windows(context, stride), where)
    finally:
        opened.close()
    for why, count in summary["failed"].items():
        screen.warn(f"{count:,} texts have no scores: {why}")
    columns = ("score", "in", "not in", "area under ROC", "found at 1 % false", "at 5 % false", "says")
    rows = [
        (
            *(one[name] for name in ("score", "in", "out")),
            _interval(one["auc"]),
            *(_interval(one["tpr"][str(rate)]) for rate in scores.RATES),
            one["kind"],
        )
        for one in summary["scores"]
    ]
    note = "areas: 95 % over all scores together; found: 95 %; blind_: without a look at the model"
    blocks: list[Table | Facts] = [Table(columns, rows, "Documents known in and not in", note)]
    asked = [(one["score"], one["asked"]) for one in summary["scores"] if "asked" in one and one["kind"] == "tells"]
    if asked:
        judged = [
            (name, one["n"], _interval(one["auc"]), *(_interval(one["above"][str(rate)]) for rate in scores.RATES))
            for name, one in asked
        ]
        heads = ("score", "texts", "above those not in", "above the 1 % threshold", "above the 5 % threshold")
        blocks.append(Table(heads, judged, "Documents asked about", "by scores that can tell"))
    return _result(run, summary, [*blocks, Facts([("verdict", summary["verdict"])])])


@command("evalkit.contamination.known/1")
def known(
    screen: Screen,
    run: Annotated[str, typer.Argument(metavar="EVALUATION", help="A finished run of `evalkit run`: id or path.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="MODEL", help="Whose past is searched (default: the run's).")
    ] = None,
    variant: Annotated[
        str,
        typer.Option("--variant", metavar="NAME", help="winnow, gpt3, llama3, longest, or a YAML file of your own."),
    ] = "winnow",
    limit: Annotated[
        float | None,
        typer.Option("--limit", min=0, max=1, metavar="SHARE", help="Exit 1 where more of a task's items are found."),
    ] = None,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Which items of an evaluation its model was trained on, how often it read them, and its scores without them."""
    from curate.contamination.variants import load_variant
    from evalkit.contamination.known import check_known
    from workbench import registry
    from workbench.processes import cores

    where = _where(screen, root, out, resume, force)
    found, summary = check_known(
        registry.find(run, root), load_variant(variant), where, base=Path(), model=model, jobs=jobs or cores()
    )
    for stage in summary["unread"]:
        screen.warn(f"{stage}: what it read was not searched")
    ended = _result(found, summary, _known(summary))
    over = [task for task in summary["tasks"] if limit is not None and task["dirty"] > limit * task["items"]]
    hint = f"see items/ and spans/ in {found.path}"
    errors = [
        UserError(
            f"{task['dirty']:,} of {task['items']:,} items of {task['label']} were read", hint=hint, code=Exit.GATE
        )
        for task in over
    ]
    return replace(ended, code=Exit.GATE, errors=errors) if errors else ended


@command("evalkit.contamination.plant/1")
def plant(
    screen: Screen,
    run: Annotated[str, typer.Argument(metavar="EVALUATION", help="A finished run whose items are planted.")],
    data: Annotated[
        str, typer.Option("--data", metavar="DATA", help="Training texts to plant them among: a file, folder or run.")
    ],
    items: Annotated[int, typer.Option("--items", min=2, metavar="N", help="Plant N items; keep N others out.")] = 50,
    copies: Annotated[str, typer.Option("--copies", metavar="LIST", help="Of each item; 0 to compare.")] = "0,1,2,4,8",
    seed: Seed = 0,
    resume: Resume = True,
    force: Force = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Write training texts with chosen items planted in them 0, 1, 2, 4 ... times: a dataset for each."""
    from evalkit.contamination import canaries
    from workbench import registry

    where = _where(screen, root, out, resume, force)
    try:
        doses = [int(dose) for dose in copies.split(",")]
    except ValueError:
        doses = [-1]
    if min(doses) < 0:
        raise UserError(f"'{copies}' is no list of numbers", hint="for example --copies 0,1,2,4")
    made, summary = canaries.plant(
        data, registry.find(run, root), where, base=Path(), items=items, copies=doses, seed=seed
    )
    facts = [
        ("texts", summary["data"]["documents"]),
        ("items planted", len(summary["planted"])),
        ("items kept out", len(summary["control"])),
    ]
    first = made.path / canaries.file_of(doses[0])
    lines = [
        "train and evaluate a model on each, alike in all else:",
        f"  train pretrain --data {first} --out model-{doses[0]} ...",
        f"  evalkit run -m model-{doses[0]} --tasks ... --out asked-{doses[0]}   (as {run} was)",
        f"  evalkit contamination gain {made.path} --run {doses[0]}=asked-{doses[0]} --run ...",
    ]
    files = Table(("copies", "file"), [(dose, str(made.path / canaries.file_of(dose))) for dose in summary["copies"]])
    return _result(made, summary, [Facts(facts, title="Planted"), files, "\n".join(lines)])


@command("evalkit.contamination.gain/1")
def gain(
    screen: Screen,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A run of `evalkit contamination plant`.")],
    run: Annotated[
        list[str], typer.Option("--run", metavar="COPIES=RUN", help="An evaluation; several of one number are seeds.")
    ],
    resume: Resume = True,
    force: Force = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """What a copy of an item in the training texts is worth, from evaluations of models trained on each number."""
    from evalkit.contamination import canaries
    from evalkit.run.rows import label
    from workbench import registry

    runs = []
    for each in run:
        dose, equals, name = each.partition("=")
        if not equals or not dose.isdecimal():
            raise UserError(f"'{each}' is not COPIES=RUN", hint="for example --run 4=runs/asked-4")
        runs.append((int(dose), registry.find(name, root)))
    made, summary = canaries.gain(registry.find(plan, root), runs, _where(screen, root, out, resume, force))
    for name in summary["unknown"]:
        screen.warn(f"{name}: nobody can say what its model was trained on; the number of copies is taken on trust")
    doses = [one["copies"] for one in summary["gains"][0]["at"]] if summary["gains"] else []
    rows = [
        (
            label(one["task"], one["preset"]),
            *(one[name] for name in ("metric", "better", "planted", "control")),
            f"{one['without']:.4g}",
            *(_interval(each["gain"]) for each in one["at"]),
            _interval(one["per_copy"]),
        )
        for one in summary["gains"]
    ]
    heads = ("task", "metric", "better", "planted", "kept out", "at 0")
    columns = (*heads, *(f"gain at {dose}" for dose in doses), "a copy")
    note = "gain: of planted items over 0 copies, less that of items kept out; 95 % over items, not over trainings"
    return _result(made, summary, [Table(columns, rows, "What copies are worth", note)])


def _known(summary: dict[str, Any]) -> list[Any]:
    read = [
        (one["run"], one["step"], one["documents"], ", ".join(f"{name} {n:.2f}" for name, n in one["epochs"].items()))
        for one in summary["read"]
    ]
    rows = []
    for task in summary["tasks"]:
        reads = None if task["reads"] is None else f"{task['reads']:.2f}"
        counts = (task["items"], task["dirty"], task["with_answer"], task["untestable"], reads)
        for place, (metric, sets) in enumerate(task["metrics"].items()):
            shown = ["-" if sets[name] is None else _interval(sets[name]) for name in ("all", "clean", "dirty")]
            rows.append((*((task["label"], *counts) if place == 0 else ("",) * 6), metric, *shown))
    columns = ("task", "items", "dirty", "with answer", "untestable", "reads", "metric", "all", "clean", "dirty ")
    note = "dirty: what was read holds the item; reads: of the documents that hold one, a dirty item on average"
    return [
        Table(("run", "step", "documents", "epochs"), read, "What the checkpoint has read"),
        Table(columns, rows, f"Items in it ({summary['variant']})", note),
    ]


def _where(screen: Screen, root: Path, out: Path | None, resume: bool, force: bool) -> Where:
    from evalkit.contamination.record import Where

    return Where(root, out, resume, force, screen.attach, screen.progress)


def _result(run: Run, summary: dict[str, Any], blocks: list[Any]) -> Result:
    failed = 0 if run.manifest is None else run.manifest.counts.get("failed", 0)
    errors = []
    if failed:
        message = f"{failed:,} rows have no score; `reason` in the tables of {run.path} says why"
        errors.append(UserError(message, hint="put them right, then --force", code=Exit.PARTIAL))
    code = Exit.PARTIAL if errors else Exit.OK
    return Result(summary, [*blocks, f"run: {run.path}"], run=run.path, code=code, errors=errors)


def _interval(found: dict[str, Any]) -> str:
    if found["value"] is None or found["value"] != found["value"]:
        return "-"
    if found["low"] is None or found["low"] != found["low"]:
        return f"{found['value']:.3g}"
    return f"{found['value']:.3g} ({found['low']:.3g} to {found['high']:.3g})"
