"""The exact texts that are asked, and what answers to them are worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.models.types import Generated, Likelihood, Pair, Prompt, Rolled
from evalkit.tasks import Item, Task, load_task, read_items, render_items, score
from evalkit.tasks.data import Row
from evalkit.tasks.shots import draw
from workbench import recipes
from workbench.errors import UserError

ARC = [
    {"query": "Which is red?", "choices": ["sky", "blood"], "gold": 1},
    {"query": "Which is blue?", "choices": ["sky", "blood"], "gold": 0},
    {"query": "Which is wet?", "choices": ["sand", "water"], "gold": 1},
]


def items_of(task: Task, *rows: dict) -> list[Item]:
    return read_items(task, [Row("mine.jsonl", number, each) for number, each in enumerate(rows, 1)])


def task_of(**values: object) -> Task:
    base = {
        "name": "mine",
        "title": "mine",
        "source": "mine",
        "licence": "CC0",
        "kind": "knowledge",
        "data": {"files": ["mine"]},
        "forms": [{"question": "query", "choices": "choices", "gold": "gold"}],
        "prompt": "Q: {{question}}\nA:",
        "metrics": ["acc"],
    }
    return recipes.resolve(Task, [recipes.from_values({**base, **values}, "test")]).recipe


def test_examples_drawn_for_each_item_are_never_the_item() -> None:
    """The draw is one among the items that are left, wherever those that are left out stand."""
    task = task_of(shots={"count": 3, "order": "each", "seed": 5})
    items = items_of(task, *({"query": f"q{n // 2}", "choices": ["a", "b"], "gold": 0} for n in range(40)))
    alone = draw(task, items, items, items)
    for item, examples in zip(items, alone, strict=True):
        others = [each for each in items if each.id != item.id]
        assert len({each.row for each in examples}) == 3 and {each.row for each in examples} <= {o.row for o in others}
        assert examples == draw(task, [item], others, [item])[0]


def test_choices_are_asked_after_the_delimiter_and_counted_without_it() -> None:
    task = task_of(metrics=["acc", "acc_mutual_info"])
    (item,) = items_of(task, {"query": "Färbe?", "choices": ["rot", "grün"], "gold": 1})
    (rendered,) = render_items(task, [item])
    assert [asked.request for asked in rendered.asked] == [
        Pair("Q: Färbe?\nA:", " rot"),
        Pair("Q: Färbe?\nA:", " grün"),
        Pair("", " rot"),
        Pair("", " grün"),
    ]
    assert [asked.role for asked in rendered.asked] == ["choice", "choice", "unconditional", "unconditional"]
    assert (rendered.chars, rendered.sizes, rendered.prompts) == ((3, 4), (3, 5), ("Q: Färbe?\nA:",))


def test_examples_stand_before_the_question_and_never_the_item_itself() -> None:
    task = task_of(shots={"count": 1}, header="Answer.\n")
    items = items_of(task, *ARC)
    rendered = render_items(task, items, pool_is_items=True)
    assert rendered[0].prompts == ("Answer.\nQ: Which is blue?\nA: sky\n\nQ: Which is red?\nA:",)
    assert rendered[2].prompts == ("Answer.\nQ: Which is red?\nA: blood\n\nQ: Which is wet?\nA:",)


def test_drawn_examples_depend_on_the_seed_alone() -> None:
    def prompts(order: str, seed: int, backwards: bool = False) -> dict[str, tuple[str, ...]]:
        task = task_of(shots={"count": 2, "order": order, "seed": seed})
        rows = [{"query": f"{number}?", "choices": ["a", "b"], "gold": number % 2} for number in range(20)]
        items = items_of(task, *rows)
        items = items[::-1] if backwards else items
        found = render_items(task, items, items_of(task, *rows))
        return {item.id: each.prompts for item, each in zip(items, found, strict=True)}

    for order in ("random", "each", "balanced"):
        assert prompts(order, 0) == prompts(order, 0, backwards=True) != prompts(order, 1)
    assert len({text[0][:12] for text in prompts("random", 0).values()}) <= 3
    assert all(" a\n" in text[0] and " b\n" in text[0] for text in prompts("balanced", 0).values())


def test_too_few_examples_are_refused() -> None:
    task = task_of(shots={"count": 3})
    with pytest.raises(UserError, match="mine: 3 examples are wanted"):
        render_items(task, items_of(task, *ARC), pool_is_items=True)


def test_examples_that_do_not_fit_are_left_out_from_the_last() -> None:
    task = task_of(shots={"count": 2, "fit": "drop"})
    items = items_of(task, *ARC)

    def count(texts: object) -> list[int]:
        return [len(text.split()) for text in texts]  # type: ignore[attr-defined]

    whole = render_items(task, items[2:], items[:2], count=count, context=18)[0]
    assert (whole.shots, whole.dropped) == (2, 0)
    one = render_items(task, items[2:], items[:2], count=count, context=17)[0]
    assert (one.shots, one.dropped) == (1, 1)
    assert one.prompts[0] == "Q: Which is red?\nA: blood\n\nQ: Which is wet?\nA:"
    none = render_items(task, items[2:], items[:2], count=count, context=2)[0]
    assert (none.shots, none.dropped) == (0, 2)


def test_contexts_may_differ_where_the_ending_is_the_same() -> None:
    task = task_of(contexts="choices", choices="[question, question]", shots={"count": 1})
    row = {"query": "advocated violence.", "choices": ["because they", "because we"], "gold": 0}
    shot = {"query": "was big.", "choices": ["as the box", "as the bag"], "gold": 1}
    (rendered,) = render_items(task, items_of(task, row), items_of(task, shot))
    assert [asked.request for asked in rendered.asked] == [
        Pair("as the bag was big.\n\nbecause they", " advocated violence."),
        Pair("as the bag was big.\n\nbecause we", " advocated violence."),
    ]


def test_choice_metrics_of_known_likelihoods() -> None:
    metrics = ["acc", "acc_norm", "acc_bytes", "acc_token", "acc_mutual_info", "acc_centered", "greedy", "brier"]
    metrics += ["norm_correct_prob", "correct_prob", "answer_bpb", "perplexity"]
    task = task_of(metrics=metrics)
    (item,) = items_of(task, {"query": "?", "choices": ["a", "bbbb"], "gold": 1})
    (rendered,) = render_items(task, [item])
    given = [
        Likelihood(-1.0, 1, True),
        Likelihood(-2.0, 1, False),
        Likelihood(-1.0, 1, True),
        Likelihood(-4.0, 1, False),
    ]
    scored = score(task, item, rendered, given)
    share = math.exp(-2) / (math.exp(-1) + math.exp(-2))
    assert scored.state == "scored" and scored.predicted == 0
    assert scored.scores == pytest.approx(
        {
            "acc": 0.0,
            "acc_norm": 1.0,
            "acc_bytes": 1.0,
            "acc_token": 0.0,
            "acc_mutual_info": 1.0,
            "acc_centered": -1.0,
            "greedy": 0.0,
            "brier": 2 * (1 - share) ** 2,
            "norm_correct_prob": share,
            "correct_prob": math.exp(-2),
            "answer_bpb": 0.5 / math.log(2),
            "perplexity": 2.0,
        }
    )


def test_ties_go_to_the_first_and_several_answers_may_be_right() -> None:
    task = task_of(metrics=["acc", "norm_correct_prob", "acc_centered"])
    (item,) = items_of(task, {"query": "?", "choices": ["a", "b", "c"], "gold": [1, 2]})
    (rendered,) = render_items(task, [item])
    scored = score(task, item, rendered, [Likelihood(-1.0, 1, False)] * 3)
    assert scored.predicted == 0
    assert scored.scores == pytest.approx({"acc": 0.0, "norm_correct_prob": 2 / 3, "acc_centered": -2.0})


def test_f1_is_one_sum_over_another() -> None:
    task = task_of(metrics=["f1"])
    item, other = items_of(task, {"query": "?", "choices": ["no", "yes"], "gold": 1}, {**ARC[0], "gold": 0})
    rendered = render_items(task, [item, other])
    yes, no = Likelihood(-1.0, 1, True), Likelihood(-3.0, 1, False)
    hit, missed = score(task, item, rendered[0], [no, yes]), score(task, item, rendered[0], [yes, no])
    nothing = score(task, other, rendered[1], [yes, no])
    assert [(each.scores["f1"], each.weights["f1"]) for each in (hit, missed, nothing)] == [(2, 2), (0, 1), (0, 0)]


def test_what_has_no_answer_is_no_wrong_answer() -> None:
    task = task_of()
    item, bad = items_of(task, ARC[0], {**ARC[1], "gold": 7})
    good, none = render_items(task, [item, bad])
    fine = Likelihood(-1.0, 1, True)
    assert score(task, bad, none, []).state == "failed"
    assert score(task, item, good, [fine, None]).reason == "no answer"
    assert (
        score(task, item, good, [fine, fine._replace(error="the server answers 500")]).reason
        == "the server answers 500"
    )
    assert score(task, item, good, [fine, fine._replace(logprob=math.nan)]).state == "failed"


def test_rolling_sums() -> None:
    task = task_of(
        formulation="rolling",
        forms=[{"text": "text"}],
        prompt="{{text}}",
        metrics=["word_perplexity", "byte_perplexity", "bits_per_byte", "token_perplexity"],
    )
    (item,) = items_of(task, {"text": "über den Fluss "})
    (rendered,) = render_items(task, [item])
    assert rendered.asked[0].request == "über den Fluss "
    rolled = Rolled(np.array([-1.0, -2.0, -3.5]), np.array([0, 4, 8]), begin=-0.5)
    scored = score(task, item, rendered, [rolled])
    assert set(scored.scores.values()) == {7.0}
    assert scored.weights == {"word_perplexity": 4, "byte_perplexity": 16, "bits_per_byte": 16, "token_perplexity": 3}


def test_outputs_are_extracted_normalised_and_compared() -> None:
    task = load_task("gsm8k", ["shots.count=0"])
    (item,) = items_of(task, {"question": "How many?", "answer": "Because.\n#### 1,234"})
    (rendered,) = render_items(task, [item])
    assert rendered.asked[0].request == Prompt("Question: How many?\nAnswer:")
    scored = score(task, item, rendered, [[Generated("So 3 of 1234.", "eos", 4)]])
    assert scored.scores == {"exact_match/strict": 0.0, "exact_match/flexible": 1.0}
    assert scored.extracted == "1234."
    said_nothing = score(task, item, rendered, [[Generated(" \n", "eos", 1)]])
    assert (said_nothing.state, said_nothing.reason) == ("unscored", "the model said nothing")


def test_a_chat_model_is_asked_in_a_conversation() -> None:
    task = load_task("arc-easy@generate")
    (item,) = items_of(task, ARC[0])
    (rendered,) = render_items(task, [item], chat=True)
    assert rendered.asked[0].request == Prompt(
        ({"role": "user", "content": "Question: Which is red?\nA. sky\nB. blood\nAnswer:"},)
    )
    scored = score(task, item, rendered, [[Generated(" B. blood", "stop", 3)]])
    assert (scored.scores, scored.extracted, scored.predicted) == ({"exact_match": 1.0}, "B", 1)


def test_helms_draw_leaves_out_the_item_that_is_asked() -> None:
    task = load_task("arc-easy", ["shots.count=3", "shots.order=helm"])
    rows = [{"query": f"Which {n}?", "choices": ["a", "b"], "gold": n % 2} for n in range(6)]
    items = items_of(task, *rows)
    for item, found in zip(items, render_items(task, items, pool_is_items=True), strict=True):
        assert found.shots == 3
        assert found.prompts[0].count(item.fields["question"]) == 1
