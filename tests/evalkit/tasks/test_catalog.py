"""Ready tasks, presets, suites and tasks of one's own; and what is wrong with them, by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.tasks import Sources, expand, load_task, presets_of, read_items, render_items, suites, task_names
from evalkit.tasks.data import read_rows
from workbench.errors import Exit, UserError

MINE = """\
name: mine
title: mine
source: mine
licence: CC0
kind: knowledge
data: {files: [mine]}
forms: [{question: q, choices: c, gold: a}]
prompt: "{{question}}"
metrics: [acc]
presets:
  other: {prompt: "Q: {{question}}"}
"""


def test_every_ready_task_and_preset_is_valid() -> None:
    names = task_names()
    assert {"mmlu", "hellaswag", "arc-easy", "arc-challenge", "piqa", "winogrande", "boolq", "copa"} <= set(names)
    for name in names:
        tasks = [load_task(f"{name}@{preset}") for preset in presets_of(name)]
        assert {task.name for task in tasks} == {name}
        assert len({task.digest for task in tasks}) == len(tasks)


def test_suites_hold_tasks_that_exist() -> None:
    assert {"winnow-small", "open-llm", "helm-lite"} <= set(suites())
    for suite in suites():
        assert expand([suite])


def test_names_stand_for_tasks_presets_and_suites() -> None:
    assert [task.label for task in expand(["mmlu@helm+original", "piqa", "mmlu@helm"])] == [
        "mmlu@helm",
        "mmlu@original",
        "piqa",
    ]
    assert [task.preset for task in expand(["mmlu@all"])] == presets_of("mmlu")
    assert [task.preset for task in expand(["mmlu"], presets="all")] == presets_of("mmlu")
    assert [task.label for task in expand(["piqa", "sst2"], presets="letter")] == ["piqa@letter", "sst2"]
    assert len(expand(["open-llm", "mmlu"])) == len(expand(["open-llm"])) == 6


def test_a_task_and_a_suite_of_ones_own(tmp_path: Path) -> None:
    path, suite = tmp_path / "mine.yaml", tmp_path / "suite.yaml"
    path.write_text(MINE)
    suite.write_text(f"tasks: ['{path}@other', piqa]\n")
    assert [task.label for task in expand([str(suite)])] == ["mine@other", "piqa"]
    assert load_task(f"{path}@other").prompt == "Q: {{question}}"
    suite.write_text(f"tasks: ['{suite}']\n")
    with pytest.raises(UserError, match="holds itself"):
        expand([str(suite)])


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("kind: knowledge", "kind: knowlege", 5, "kind"),
        ("{{question}}", "{{question", 8, "no template"),
        ("gold: a}", "gold: 'a +'}", 7, "no expression"),
        ("metrics: [acc]", "metrics: [exact_match]", None, "a choice task has no metric 'exact_match'"),
        ("kind: k", "licnce: x\nkind: k", 5, "unknown name 'licnce'"),
        ("presets:\n  other: {", "presets: [{", 10, "presets are no mapping"),
    ],
)
def test_what_is_wrong_with_a_task_is_said_by_line(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    path = tmp_path / "mine.yaml"
    text = MINE.replace(old, new)
    path.write_text(text + "]" if "[{" in new else text)
    with pytest.raises(UserError) as error:
        load_task(str(path))
    assert message in str(error.value)
    if line is not None:
        assert (error.value.file, error.value.line) == (str(path), line)


def test_names_that_do_not_exist_have_a_nearest_one() -> None:
    with pytest.raises(UserError) as error:
        expand(["helaswag"])
    assert "hellaswag" in error.value.hint and error.value.code == Exit.USAGE
    with pytest.raises(UserError) as error:
        load_task("mmlu@orignal")
    assert "original" in error.value.hint


@pytest.mark.parametrize(
    "expression",
    ["''.__class__.__mro__", "q.__init__.__globals__", "9 ** 9 ** 9", "'a' * 10 ** 9", "'a' * 999999999", "cycler"],
)
def test_templates_reach_nothing_but_values(expression: str) -> None:
    from evalkit.tasks.templates import TemplateProblem, evaluate, render

    with pytest.raises(TemplateProblem):
        evaluate(expression, {"q": "?"})
    with pytest.raises(TemplateProblem):
        render("{{ (" + expression + ") }}", {"q": "?"})


def test_fields_are_data_and_never_templates() -> None:
    from evalkit.tasks.templates import render

    assert render("{{q}}\n", {"q": "{{ 1 + 1 }}", "self": "x"}) == "{{ 1 + 1 }}\n"


def test_every_ready_task_reads_the_shared_benchmarks(shared_data: Path) -> None:
    sources = Sources(roots=[shared_data / "benchmarks"])
    seen = 0
    for name in task_names():
        task = load_task(name)
        if task.data.made is not None:
            continue
        try:
            files = sources.locate(task.name, task.data)
        except UserError:
            continue
        seen += 1
        rows = [row for row, _ in zip(read_rows(files), range(60), strict=False)]
        for preset in presets_of(name):
            task = load_task(f"{name}@{preset}")
            items, shots = read_items(task, rows), []
            if task.shots.count and task.shots.source is not None:
                try:
                    shots = read_items(task, read_rows(sources.locate(name, task.shots.source, shots=True)))
                except UserError:
                    continue
            found = render_items(task, items, shots, pool_is_items=task.shots.source is None)
            assert not [(item.where, each.problem) for item, each in zip(items, found, strict=True) if each.problem]
            assert all(each.asked for each in found)
    assert seen >= 27
