"""`evalkit arena` from answers to a board: pairs, people's and judges' votes, files of votes, and bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from invoke import invoke

from evalkit.arena.pairs import draw_pairs, gold_pairs, read_gold, read_pairs
from evalkit.judge import settings
from evalkit.judge.outputs import read_outputs
from evalkit.judge.types import Verdict
from workbench.endpoints import Forecast
from workbench.errors import UserError
from workbench.people import People, Vote
from workbench.runs import Run

MODELS = ("long", "middle", "short")


@pytest.fixture
def answers(tmp_path: Path) -> list[Path]:
    paths = []
    for size, name in enumerate(MODELS[::-1], 1):
        rows = [
            {"instruction": f"q{n}", "output": f"{name} {n} " + "word " * size, "generator": name} for n in range(20)
        ]
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths


def arena(root: Path, name: str, *more: Any) -> Any:
    return invoke("evalkit", "arena", name, *more, "--root", root / "ws")


def pairs(root: Path, answers: list[Path], *more: Any) -> Path:
    ended = arena(
        root, "pairs", *(part for path in answers for part in ("--outputs", path)), "--out", root / "arena", *more
    )
    assert ended.code == 0, ended.stderr
    return root / "arena"


def test_pairs_are_drawn_once_and_blind_to_order(tmp_path: Path, answers: list[Path]) -> None:
    run = pairs(tmp_path, answers, "-n", "30")
    drawn = read_pairs(run)
    assert len({pair.id for pair in drawn}) == 30
    assert 5 < sum(pair.model_a < pair.model_b for pair in drawn) < 25
    outputs = [read_outputs(path) for path in answers]
    assert [pair.id for pair in draw_pairs(outputs, 30, 0)] == [pair.id for pair in drawn]
    only = np.zeros((3, 3))
    only[0, 1] = only[1, 0] = 1
    assert {frozenset((pair.model_a, pair.model_b)) for pair in draw_pairs(outputs, 99, 0, only)} == {
        frozenset(("short", "middle"))
    }
    assert (
        "only 60 pairs"
        in arena(
            tmp_path, "pairs", "--outputs", answers[0], "--outputs", answers[1], "--outputs", answers[2], "-n", "99"
        ).stderr
    )


def test_gold_pairs_check_raters_and_make_no_board(tmp_path: Path, answers: list[Path]) -> None:
    file = tmp_path / "gold.jsonl"
    file.write_text('{"instruction": "Two and two?", "better": "Four.", "worse": "Fish."}\n')
    run = pairs(tmp_path, answers, "-n", "30", "--gold", file)
    [gold] = read_gold(run)
    assert {"a": gold.output_a, "b": gold.output_b}[gold.better] == "Four." and gold.prompt == "Two and two?"
    with People(tmp_path / "ws") as people:
        people.vote(Vote(Run.open(run, tmp_path / "ws").id, gold.id, "ann", "a"))
    assert "no votes" in arena(tmp_path, "board", run).stderr
    file.write_text('{"instruction": "Two and two?", "better": "Four."}\n')
    with pytest.raises(UserError, match="no pair with a better answer"):
        gold_pairs(file)


def test_votes_of_people_and_judges_make_a_board(tmp_path: Path, answers: list[Path]) -> None:
    run = pairs(tmp_path, answers, "-n", "60")
    drawn, identity = read_pairs(run), Run.open(run, tmp_path / "ws").id
    draw = np.random.default_rng(0)
    with People(tmp_path / "ws") as people:
        for number, pair in enumerate(drawn):
            longer = "a" if len(pair.output_a) > len(pair.output_b) else "b"
            for rater in ("ann", "bob"):
                choice = longer if draw.random() < 0.8 else "tie" if draw.random() < 0.5 else "ab"[longer == "a"]
                people.vote(Vote(identity, pair.id, rater, choice, "ab"[number % 2], 3.0))  # type: ignore[arg-type]
        people.vote(Vote(identity, "gone", "ann", "a"))
    judged = tmp_path / "judge.jsonl"
    judged.write_text(
        "".join(
            json.dumps({"pair": pair.id, "vote": "ba"[len(pair.output_a) > len(pair.output_b)], "rater": "judge:ruler"})
            + "\n"
            for pair in drawn
        )
    )
    ended = arena(tmp_path, "board", run, "--votes", judged, "--draws", "20")
    assert ended.code == 0, ended.stderr
    [board] = ended.data["boards"]
    assert [line["player"] for line in board["lines"]] == list(MODELS)
    assert ended.data["connected"] and ended.data["votes"] == 180 and ended.data["prompts"] == 20
    assert ended.data["agreement"]["judges"]["judge:ruler"]["kappa"]["n"] == 60
    assert 0.3 < ended.data["agreement"]["alpha"]["value"] < 1 and ended.data["left"]["n"] > 50
    styled = arena(tmp_path, "board", run, "--style", "--draws", "0", "--raters", "people")
    assert [one["name"] for one in styled.data["boards"][0]["style"]] == ["words"]
    more = arena(
        tmp_path, "pairs", *(part for path in answers for part in ("--outputs", path)), "-n", "5", "--uncertain", run
    )
    assert more.code == 0 and more.data["pairs"] == 5
    exported = tmp_path / "preferences.jsonl"
    assert arena(tmp_path, "export", run, "--out", exported).data["preferences"] == 120
    from train.data.records import read_records
    from train.preferences.read import read

    assert len(read(read_records(exported))) >= 20


def test_who_cannot_be_compared_stands_apart(tmp_path: Path) -> None:
    votes = tmp_path / "votes.jsonl"
    rows = [("a", "b", "a"), ("b", "a", "a"), ("c", "a", "a"), ("c", "b", "model_a")]
    votes.write_text("".join(json.dumps({"model_a": x, "model_b": y, "winner": w}) + "\n" for x, y, w in rows))
    ended = arena(tmp_path, "board", "--votes", votes, "--draws", "5")
    assert not ended.data["connected"]
    assert [one["players"] for one in ended.data["boards"]] == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"model_a": "x", "model_b": "y", "vote": "maybe"}, "the vote is 'maybe'"),
        ({"pair": "p", "vote": "a"}, "a vote on nothing that is known"),
        ({"model_a": "x", "model_b": "x", "vote": "a"}, "x meets itself"),
    ],
)
def test_bad_votes(tmp_path: Path, row: dict[str, str], message: str) -> None:
    (tmp_path / "votes.jsonl").write_text(json.dumps(row) + "\n")
    ended = arena(tmp_path, "board", "--votes", tmp_path / "votes.jsonl")
    assert ended.code == 4 and f"votes.jsonl:1: {message}" in ended.stderr


def test_bad_commands(tmp_path: Path, answers: list[Path]) -> None:
    assert "no votes" in arena(tmp_path, "board").stderr
    run = pairs(tmp_path, answers)
    nothing = arena(tmp_path, "export", run, "--out", tmp_path / "preferences.jsonl")
    assert nothing.code == 4 and f"{run} has no votes: there is nothing to export" in nothing.stderr
    assert not (tmp_path / "preferences.jsonl").exists()
    assert "no votes" in arena(tmp_path, "board", run).stderr
    assert "'halv' is not one of" in arena(tmp_path, "board", run, "--ties", "halv").stderr
    with pytest.raises(UserError, match="meets nobody"):
        draw_pairs([read_outputs(answers[0])], 5, 0)
    with pytest.raises(UserError, match="two files hold answers of 'x'"):
        draw_pairs([read_outputs(path, "x") for path in answers[:2]], 5, 0)


def test_recorded_human_labels(tmp_path: Path, shared_data: Path) -> None:
    """PandaLM's test set: three annotators on 999 pairs."""
    import gzip

    said = {"0": "tie", "1": "a", "2": "b"}
    rows = []
    with gzip.open(shared_data / "arena/pandalm-human-testset.jsonl.gz", "rt") as lines:
        for values in map(json.loads, lines):
            first, second = values["cmp_key"].split("_")
            pair = {"prompt": values["idx"], "model_a": first, "model_b": second}
            rows += [pair | {"rater": f"r{n}", "vote": said[str(values[f"annotator{n}"])]} for n in (1, 2, 3)]
    (tmp_path / "votes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = arena(tmp_path, "board", "--votes", tmp_path / "votes.jsonl", "--draws", "0").data
    assert next(line["player"] for line in found["boards"][0]["lines"]) == "llama-7b"
    assert found["votes"] == 2997 and round(found["agreement"]["alpha"]["value"], 2) == 0.88


class Half:
    """Judges by length, and fails on every other prompt."""

    name = digest = "half"
    ordered = True

    def judge(self, duels: Any, *, listener: object = None) -> list[Verdict]:
        return [
            Verdict(math.nan, error="down")
            if int(duel.instruction[1:]) % 2
            else Verdict(float(len(duel.second) > len(duel.first)))
            for duel in duels
        ]

    def forecast(self, duels: Any) -> Forecast:
        return Forecast(len(duels), 0, 0, 0, 0.0, False)

    def close(self) -> None:
        pass


def test_pairs_without_a_vote_are_told_by_the_exit_code(
    tmp_path: Path, answers: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = pairs(tmp_path, answers, "-n", "60")
    monkeypatch.setattr(settings, "open_judge", lambda *_, **__: Half())
    votes = tmp_path / "votes.jsonl"
    arguments = [run, "--judge", "half", "--out", votes]
    planned = arena(tmp_path, "judge", *arguments, "--dry-run")
    assert planned.data["requests"] == 120 and not votes.exists()
    ended = arena(tmp_path, "judge", *arguments)
    assert ended.code == 3 and ended.data["failed"] == 30 and "30 of 60 pairs have no vote" in ended.stderr
    assert len(votes.read_text().splitlines()) == 30
