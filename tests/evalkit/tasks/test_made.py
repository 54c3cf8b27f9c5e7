"""Items that the package makes: a function of the seed, sound, and what they say they are."""

from __future__ import annotations

import ast
from importlib import resources

import pytest

from evalkit.tasks import Sources, expand, load_task, read_items, render_items
from evalkit.tasks.data import digest, read_rows
from evalkit.tasks.made import MAKERS, rows, url
from evalkit.tasks.made.facts import facts
from evalkit.tasks.rules import RULES
from workbench.errors import UserError


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_makes_one_set(name: str) -> None:
    few, many = list(rows(url(name, 0, 20))), list(rows(url(name, 0, 40)))
    assert few == many[:20] == list(rows(url(name, 0, 20)))
    assert list(rows(url(name, 1, 20))) != few


def test_digests_name_what_was_made() -> None:
    assert digest([url("arithmetic", 0, 20)]) == digest([url("arithmetic", 0, 20)])
    assert digest([url("arithmetic", 0, 20)]) != digest([url("arithmetic", 1, 20)])
    assert len(digest([url("grammar", 0, 20)])) == 64


def test_sums_are_right_and_their_wrong_answers_wrong() -> None:
    for row in rows(url("arithmetic", 0, 200)):
        left, sign, right = ast.literal_eval(repr(row["question"].removesuffix(" =").split()))
        value = {"+": int(left) + int(right), "-": int(left) - int(right), "*": int(left) * int(right)}[sign]
        assert row["choices"].index(str(value)) == row["gold"]
        assert len(set(row["choices"])) == 4


def test_lists_are_copied() -> None:
    for row in rows(url("copying", 0, 200)):
        first, second = row["question"].removeprefix("List: ").split("\nThe list ")
        words, (how, said) = first.split(), second.split(": ")
        words = words[::-1] if how == "backwards" else words
        assert words[: len(said.split())] == said.split()
        assert words[len(said.split())] == row["choices"][row["gold"]]
        assert set(row["choices"]) <= set(words) and len(set(row["choices"])) == 4


def test_pairs_of_grammar_are_not_repeated_and_their_answers_balanced() -> None:
    found = list(rows(url("grammar", 0, 700)))
    assert len(found) == 700 == len({(row["question"], *sorted(row["choices"])) for row in found})
    assert 300 < sum(row["gold"] for row in found) < 400
    assert {len(set(row["choices"])) for row in found} == {2}


def test_facts_stand_on_their_pages() -> None:
    pages = resources.files("curate.sample").joinpath("pages")
    for fact in facts():
        text = pages.joinpath(f"{fact['page']}.md").read_text("utf-8").replace("*", "").replace("`", "")
        assert str(fact["right"]).lower() in " ".join(text.split()).lower(), fact
        assert len({str(fact["right"]), *map(str, fact["wrong"])}) == 4, fact


def test_instructions_ask_for_rules_that_are_checked() -> None:
    for row in rows(url("instructions", 0, 200)):
        assert row["rules"] and all(rule["rule"] in RULES for rule in row["rules"])
        assert not {"lower", "upper"} <= {rule["rule"] for rule in row["rules"]}


def test_the_suite_is_ready_without_any_file() -> None:
    for task in expand(["winnow-small", "made-up-facts", "over-refusal", "instructions"]):
        items = read_items(task, read_rows(Sources().locate(task.name, task.data)))
        pool = read_items(task, read_rows(Sources().locate(task.name, task.shots.source))) if task.shots.source else []
        rendered = render_items(task, items, pool)
        assert len(items) >= 50 and all(each.asked and each.problem is None for each in rendered)
        assert len({item.id for item in items}) == len(items)


def test_another_set_is_named_by_its_url() -> None:
    task = load_task("winnow-arithmetic")
    place = Sources({"winnow-arithmetic": "made://arithmetic?seed=7&count=3"}).locate(task.name, task.data)
    assert [row.fields for row in read_rows(place)] == list(rows(url("arithmetic", 7, 3)))


@pytest.mark.parametrize("place", ["made://arithmetik?seed=1", "made://arithmetic?seed=x", "made://grammar?count=0"])
def test_what_is_not_made_is_refused(place: str) -> None:
    with pytest.raises(UserError):
        rows(place)
