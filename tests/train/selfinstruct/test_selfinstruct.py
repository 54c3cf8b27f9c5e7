from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import train.ask
from train.ask import VoiceSettings
from train.cli.commands import app
from train.data.conversations import conversation
from train.data.records import read_records
from train.selfinstruct import filters
from train.selfinstruct.filters import Filters, Kept, Sieve
from train.selfinstruct.make import SelfInstruct, make, plan
from train.selfinstruct.rouge import Pool, rouge_l, words
from train.selfinstruct.tasks import CUT, SEEDS, UNREAD, Task, parse, prompt, read_seeds
from workbench.errors import Exit, UserError
from workbench.recipes import from_values, resolve


def test_golden_values_of_rouge_l() -> None:
    # Lin 2004, section 3: LCS 3 and 2 of sentences of 4 words.
    assert rouge_l("police killed the gunman", "police kill the gunman") == 0.75
    assert rouge_l("police killed the gunman", "the gunman kill police") == 0.5
    # P = 2/3, R = 2/5: F = 2 P R / (P + R).
    assert rouge_l("a b c d e", "A, x; E!") == 2 * (2 / 3) * (2 / 5) / (2 / 3 + 2 / 5)
    assert rouge_l("", "a") == rouge_l("a", "") == rouge_l("a", "b") == rouge_l("", "") == 0
    assert rouge_l("same", "same") == 1


def plain(first: list[str], second: list[str]) -> int:
    """The table of the textbook."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


TEXTS = st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join)


@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_the_nearest_is_the_best_of_all(pool: list[str], text: str) -> None:
    found = Pool()
    for each in pool:
        found.add(each)
    sizes = [len(each.split()) + len(text.split()) for each in pool]
    scores = [
        2 * plain(each.split(), text.split()) / size if size else 0 for each, size in zip(pool, sizes, strict=True)
    ]
    best = max(scores, default=0)
    assert found.nearest(text) == (best, scores.index(best) if best else -1)


def test_a_pool_grows() -> None:
    pool = Pool()
    for number in range(300):
        pool.add(f"text number {number} " + "more " * (number % 30))
    assert len(pool) == 300
    assert pool.nearest("text number 217 " + "more " * 7) == (1, 217)


@pytest.mark.oracle
def test_rouge_l_is_googles() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=False)
    draw = random.Random(0)
    text = ["Write", "a_b", "the", "3.5", "dogs'", "tail-end;", "then", "(again)", "DON'T", "stop,", "7", "times"]
    for _ in range(300):
        first, second = (" ".join(draw.choices(text, k=draw.randrange(20))) for _ in range(2))
        assert math.isclose(rouge_l(first, second), scorer.score(first, second)["rougeL"].fmeasure, rel_tol=1e-12)


def test_the_prompt_shows_tasks_and_begins_the_next() -> None:
    shown = [Task("Do\n it:", "", "Done {count}."), Task("Add.", "1 1", "2")]
    text = prompt("Write {count}.\n\n{tasks}\n", shown, 20)
    assert text == (
        "Write 20.\n\n###\n1. Instruction: Do it\n1. Input:\n<noinput>\n1. Output:\nDone {count}.\n"
        "###\n2. Instruction: Add.\n2. Input:\n1 1\n2. Output:\n2\n###\n3. Instruction:"
    )


ANSWER = """ Name three colours.
4. Input:
<noInput>
4. Output:
red, green
### heading inside
blue
###
5. Instruction: Count.
5. Input:
a b
5. Output:
2
###
6. Instruction: No input follows.
6. Output: x
###
7. Instruction: Last
7. Input: it"""


def test_answers_are_read() -> None:
    found = parse(ANSWER, 4, is_cut=True)
    assert found.tasks == [
        Task("Name three colours.", "", "red, green\n### heading inside\nblue"),
        Task("Count.", "a b", "2"),
    ]
    assert [reason for reason, _ in found.wrong] == [UNREAD, CUT]
    assert [reason for reason, _ in parse(ANSWER, 4, is_cut=False).wrong] == [UNREAD, UNREAD]
    again = parse("###\n4. Instruction:" + ANSWER, 4, is_cut=True)  # as a model that chats begins
    assert again.tasks == found.tasks
    assert parse("Sure! Here they are:\n\n4. Instruction:" + ANSWER, 4, is_cut=True).tasks == found.tasks
    assert parse("I would rather not.", 4, is_cut=False) == ([], [(UNREAD, "4. Instruction:I would rather not.")])
    assert parse("", 4, is_cut=False).tasks == []


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("Name three colours", filters.SHORT),
        ("word " * 151, filters.LONG),
        ("Describe the Image in detail.", filters.BLOCKED),
        ("Go to the shop and buy bread.", filters.BLOCKED),
        ("Write a program that adds numbers.", filters.BEGINNING),
        ("(a) Name three colours of it.", filters.PUNCTUATION),
        ("Élargissez la liste des mots.", filters.FOREIGN),
        ("Put these words in alphabetical order.", filters.SIMILAR),
    ],
)
def test_filters_say_why(instruction: str, reason: str) -> None:
    assert Sieve(Filters(), read_seeds(SEEDS)).judge(Task(instruction.strip(), "", "x")) == reason


def test_what_is_kept_joins_the_pool() -> None:
    sieve = Sieve(Filters(), [])
    task = Task("Name the imagery of this profile.", "", "x")  # blocked words within others do not count
    assert sieve.judge(task) == Kept(task, 0.0, -1)
    assert sieve.judge(task) == filters.SIMILAR
    assert sieve.judge(Task("Say five things about bread.", "", " ")) == filters.EMPTY


def test_seeds_of_both_forms(tmp_path: Path, shared_data: Path) -> None:
    seeds = read_seeds(shared_data / "post-training" / "self-instruct-seed-tasks.jsonl")
    assert len(seeds) == 175
    sieve = Sieve(Filters(similar=1.0), [])
    assert sum(isinstance(sieve.judge(task), Kept) for task in seeds) > 120
    assert len({task.instruction for task in read_seeds(SEEDS)}) == 10


def test_seeds_must_be_tasks(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text('{"instruction": "a", "output": 3}\n')
    with pytest.raises(UserError, match=r"s.jsonl:1: no task"):
        read_seeds(tmp_path / "s.jsonl")


VERBS = ["Name", "List", "Count", "Spell", "Compare", "Explain", "Describe", "Rank", "Sort", "Guess", "Recite", "Order"]


class Writer:
    """A server that writes two tasks a request, one of them new; it may fail at some requests."""

    def __init__(self, failing: Callable[[int], bool] = lambda number: False) -> None:
        self.asked = 0
        self.failing = failing

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        body = json.loads(request.content)
        if self.failing(self.asked):
            return httpx.Response(400, json={"error": {"message": "no"}})
        number = body["seed"] % 10**6
        kind = " ".join(f"w{number % 7**place}" for place in range(2, 6))
        text = f" {VERBS[number % 12]} {kind} things {number}.\n4. Input:\n<noinput>\n4. Output:\nyes\n###\n"
        text += "5. Instruction: Draw it for me now.\n5. Input:\nx\n5. Output:\ny\n"
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice], "usage": usage})


def recipe(**more: Any) -> SelfInstruct:
    endpoint = {"url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1, "concurrency": 1, "price": {"prompt": 1e3}}
    values = {"voice": {"endpoint": endpoint}, "wanted": 12, "requests": 3, **more}
    return resolve(SelfInstruct, [from_values(values, "test")]).recipe


def voice(settings: SelfInstruct, root: Path, writer: Writer) -> train.ask.Voice:
    return train.ask.open_voice(settings.voice, root, transport=httpx.MockTransport(writer))


def test_a_run_and_what_it_cost(tmp_path: Path) -> None:
    settings = recipe()
    writer = Writer(lambda number: number == 2)
    run, report = make(plan(settings, tmp_path), voice(settings, tmp_path / "a", writer), tmp_path / "a")
    tasks = [values for _, values in read_records(run.path / "tasks.jsonl")]
    assert len(tasks) == report["kept"] >= 12
    assert all(len(conversation(task)) == 2 for task in tasks)
    assert report["dropped"][filters.BLOCKED] == report["requests"] - 1 == writer.asked - 1
    assert report["failed_requests"] == 1
    assert report["read"] == 2 * (writer.asked - 1)
    assert report["prompt_tokens"] == 100 * (writer.asked - 1)
    assert report["cost"] == pytest.approx(0.1 * (writer.asked - 1))
    assert not (run.path / "units").exists()
    assert run.manifest is not None
    assert run.manifest.counts["tasks"] == len(tasks)
    again, same = make(plan(settings, tmp_path), voice(settings, tmp_path / "a", Writer()), tmp_path / "a")
    assert (again.path, same) == (run.path, report)


def test_an_interrupted_run_comes_to_the_same(tmp_path: Path) -> None:
    settings = recipe()
    whole, _ = make(plan(settings, tmp_path), voice(settings, tmp_path / "a", Writer()), tmp_path / "a")
    with pytest.raises(UserError, match="m failed on all 3 requests; the first: HTTP 400: no") as caught:
        root = tmp_path / "b"
        make(plan(settings, tmp_path), voice(settings, root, Writer(lambda number: number > 6)), root)
    assert caught.value.code == Exit.PARTIAL
    writer = Writer()
    resumed, _ = make(plan(settings, tmp_path), voice(settings, tmp_path / "c", writer), tmp_path / "b")
    for name in ("tasks.jsonl", "dropped.jsonl", "report.json"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert writer.asked == json.loads((whole.path / "report.json").read_text())["requests"] - 6


def test_a_model_that_writes_no_tasks(tmp_path: Path) -> None:
    settings = recipe(filters={"least_words": 50})
    with pytest.raises(UserError, match=r"no task came of 15 requests: instruction too short \(30\)"):
        make(plan(settings, tmp_path), voice(settings, tmp_path, Writer()), tmp_path)


def test_the_command_forecasts_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = train.ask.open_voice
    transport = httpx.MockTransport(Writer())

    def opened(settings: VoiceSettings, root: Path) -> train.ask.Voice:
        return made(settings, root, transport=transport)

    monkeypatch.setattr(train.ask, "open_voice", opened)
    text = "voice: {endpoint: {url: 'http://127.0.0.1:9/v1', model: m}}\nrequests: 2\n"
    (tmp_path / "r.yaml").write_text(text)
    arguments = ["selfinstruct", str(tmp_path / "r.yaml"), "-n", "3", "--root", str(tmp_path / "root")]
    done = CliRunner().invoke(app, [*arguments, "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["batch"]["completion_tokens"] == 2 * 3072
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "instruction has a blocked word" in done.stdout


def test_words_of_other_scripts_count() -> None:
    assert words("Größe: 3_4 日本") == ["größe", "3", "4", "日本"]
