"""Commands that ask a run: nothing here changes one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError, did_you_mean
from workbench.options import DEFAULT_ROOT, Root, RunName, Sets
from workbench.render import Block, Facts, Table, count

Key = Annotated[
    str | None, typer.Argument(metavar="[ID|URL]", help="A page: its id, the first digits of it, or its URL.")
]
Examples = Annotated[int, typer.Option("--examples", "-n", min=0, metavar="N", help="Examples shown.")]


@command("curate.status/1")
def status(screen: Screen, run: RunName, root: Root = DEFAULT_ROOT) -> Result:
    """Where a run stands: finished, running or interrupted; steps, rates, warnings."""
    from curate.ask.status import status as ask

    found = ask(run, root)
    facts = Facts([(name, found[name]) for name in ("run", "path", "kind", "state", "pid", "created")])
    steps = Table(
        ["step", "share", "records/s", "counts", "last message"],
        [
            [
                step["step"],
                None if step["fraction"] is None else f"{100 * step['fraction']:.0f} %",
                step["rate"],
                ", ".join(f"{name} {count(number)}" for name, number in step["counts"].items()),
                step["message"],
            ]
            for step in found["steps"]
        ],
    )
    blocks: list[Block] = [facts, steps, *(f"warning: {problem}" for problem in found["problems"])]
    return Result(found, blocks, found["path"])


@command("curate.explain/1")
def explain(
    screen: Screen,
    run: RunName,
    page: Key = None,
    any_dropped: Annotated[bool, typer.Option("--any-dropped", help="Choose a dropped page for me.")] = False,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Why is this page here, or missing: its life stage by stage, and what would rescue it."""
    from curate.ask.explain import explain as ask
    from curate.ask.finished import FinishedRun
    from curate.ask.sample import dropped_by_rule
    from curate.cli.page import page_blocks

    found = FinishedRun.open(run, root)
    if page is None:
        if not any_dropped:
            raise UserError("no page is named", hint="give an id or a URL, or --any-dropped")
        page = dropped_by_rule(found)
    answer = ask(found, page)
    return Result(answer, page_blocks(found, answer), found.path)


@command("curate.whatif/1")
def whatif(
    screen: Screen, run: RunName, sets: Sets = None, examples: Examples = 3, root: Root = DEFAULT_ROOT
) -> Result:
    """What other thresholds would keep and drop: counts, tokens and pages at the boundary, from stored measures."""
    from curate.ask.finished import FinishedRun
    from curate.ask.whatif import whatif as ask
    from curate.pipeline.child import changed_settings

    if not sets:
        raise UserError("nothing is changed", hint="for example: --set gopher.dup_line_frac=0.25")
    found = FinishedRun.open(run, root)
    columns = found.scan("measures").collect_schema().names()
    settings, changed = changed_settings(found.settings, columns, None, sets)
    answer = ask(found, settings, changed, examples)
    kept = answer["kept"]
    blocks: list[Block] = [
        Table(
            ["", "documents", "tokens"],
            [
                ["kept now", kept.get("before", 0), kept.get("tokens_before", 0)],
                ["kept then", kept.get("after", 0), kept.get("tokens_after", 0)],
                [
                    "difference",
                    kept.get("after", 0) - kept.get("before", 0),
                    kept.get("tokens_after", 0) - kept.get("tokens_before", 0),
                ],
            ],
        ),
        Table(
            ["was", "becomes", "documents", "tokens"],
            [[row["before"], row["after"], row["documents"], row["tokens"]] for row in answer["moved"]],
            "Documents that move",
        ),
        Table(
            ["rule", "value", "id", "page"],
            [[row["rule"], row["value"], row["id"][:12], row["url"] or row["snippet"]] for row in answer["examples"]],
            "Nearest to the threshold",
        ),
        "To apply it: " + " ".join(["curate decide", str(found.path), *(f"--set {one}" for one in sets), "--out NEW"]),
    ]
    return Result(answer, blocks, found.path)


@command("curate.diff/1")
def diff(
    screen: Screen,
    left: RunName,
    right: Annotated[str, typer.Argument(metavar="RUN", help="The run to compare with.")],
    examples: Examples = 2,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """What two runs decided differently about the same records."""
    from curate.ask.diff import diff as ask
    from curate.ask.finished import FinishedRun

    answer = ask(FinishedRun.open(left, root), FinishedRun.open(right, root), examples)
    records, kept, copies = answer["records"], answer["kept"], answer["repeated"]
    blocks: list[Block] = [
        Facts(
            [
                ("records in both", records["in_both"]),
                ("same outcome", answer["same"]),
                ("copies of a record", f"{copies['before']:,} and {copies['after']:,}, not compared"),
                ("only in the first", answer["only_before"]),
                ("only in the second", answer["only_after"]),
                ("kept", f"{kept['before']:,} -> {kept['after']:,} documents"),
                ("tokens kept", f"{kept['tokens_before']:,} -> {kept['tokens_after']:,}"),
            ]
        ),
        Table(
            ["first", "second", "documents", "tokens", "for example"],
            [
                [
                    row["before"],
                    row["after"],
                    row["documents"],
                    row["tokens"],
                    ", ".join(page["url"] or page["id"] for page in row["examples"]),
                ]
                for row in answer["moved"]
            ],
        ),
    ]
    return Result(answer, blocks)


@command("curate.sample/1")
def sample(
    screen: Screen,
    run: RunName,
    state: Annotated[str | None, typer.Option(help="kept, dropped or failed.")] = None,
    rule: Annotated[str | None, typer.Option(help="Dropped by this rule.")] = None,
    lang: Annotated[str | None, typer.Option(help="In this language.")] = None,
    host: Annotated[str | None, typer.Option(help="From this host.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many.")] = 10,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed shows others.")] = 0,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """A few pages of a run, chosen by a seeded hash."""
    from curate.ask.explain import short_value
    from curate.ask.finished import FinishedRun
    from curate.ask.sample import sample as ask

    found = FinishedRun.open(run, root)
    if state not in (None, "kept", "dropped", "failed"):
        raise UserError(f"no state is named '{state}'", hint=did_you_mean(state, ["kept", "dropped", "failed"]))
    if rule is not None:
        rules = found.scan("decisions").select("rule").unique().collect()["rule"].drop_nulls().to_list()
        if rule not in rules:
            raise UserError(f"no page was dropped by a rule '{rule}'", hint=did_you_mean(rule, rules))
    rows = ask(found, state=state, rule=rule, lang=lang, host=host, n=number, seed=seed)
    table = Table(
        ["id", "state", "rule", "value", "lang", "tokens", "page", "begins"],
        [
            [
                row["id"][:12],
                row["state"],
                row["rule"] or row["error"],
                short_value(row["value"]),
                row["lang"],
                row["tokens"],
                row["url"] or f"{row['file']}:{row['row']}",
                row["snippet"],
            ]
            for row in rows
        ],
    )
    return Result({"pages": rows}, [table], found.path)


@command("curate.verify/1")
def verify(screen: Screen, run: RunName, root: Root = DEFAULT_ROOT) -> Result:
    """Is the run what its manifest says: hashes of all files, and no record lost or counted twice."""
    from curate.ask.finished import FinishedRun
    from curate.ask.verify import verify as ask

    found = FinishedRun.open(run, root)
    checks = ask(found)
    table = Table(
        ["check", "", "found"], [[check.name, "ok" if check.ok else "FAILED", check.found] for check in checks]
    )
    wrong = [check for check in checks if not check.ok]
    data: dict[str, Any] = {"checks": [check._asdict() for check in checks]}
    if not wrong:
        return Result(data, [table], found.path)
    error = UserError(
        f"{found.path}: {len(wrong)} of {len(checks)} checks failed: {wrong[0].name}: {wrong[0].found}",
        hint="the run was changed after it was finished; make it again with --force",
        code=Exit.GATE,
    )
    return Result(data, [table], found.path, Exit.GATE, [error])


@command("curate.profiles/1")
def profiles(
    screen: Screen, name: Annotated[str | None, typer.Argument(metavar="[PROFILE]", help="Show its rules.")] = None
) -> Result:
    """The profiles there are, or the rules of one."""
    from curate.rules import load_profile, profile_names

    if name is None:
        rows = [(each, load_profile(each)) for each in profile_names()]
        table = Table(
            ["profile", "rules", "text", "source"],
            [[each, len(found.rules), found.text, found.source] for each, found in rows],
        )
        return Result({"profiles": [each for each, _ in rows]}, [table])
    found = load_profile(name)
    table = Table(
        ["rule", "drops if", "why"],
        [[rule.id, f"{rule.measure} {rule.limit}", rule.why] for rule in found.rules],
        found.source,
    )
    return Result({"profile": found}, [table])


@command("curate.report/1")
def report(
    screen: Screen,
    run: RunName,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The HTML file (default: beside the run).")
    ] = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """One HTML file about a run: the funnel, what each rule did, and examples of what was kept and dropped."""
    from curate.ask.finished import FinishedRun
    from curate.ask.report import write_report

    found = FinishedRun.open(run, root)
    if "bytes" not in found.scan("decisions").collect_schema():
        message = f"{found.path} was made by an earlier version and lacks what the report tells"
        raise UserError(message, hint="make it again with its recipe and --force", code=Exit.INPUT)
    path = to or found.path.resolve().with_name(f"{found.path.resolve().name}.html")
    write_report(found, path)
    return Result({"report": str(path)}, run=found.path)
