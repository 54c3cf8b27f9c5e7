"""The board of an arena: closed until a rater has voted, and then the figures of `evalkit arena board`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dashboard_app import page, texts
from dashboard_arenas import MODELS, write_arena

from dashboard.queries import arena as queries
from dashboard.voting import keep, turns
from evalkit.arena.pairs import read_gold, read_pairs
from workbench.people import Label, People, Vote

pytest.importorskip("streamlit")


def seen_by(root: Path, rater: str, **query: str) -> Any:
    app = page("arena", root, atab="Board", **query)
    return app.text_input(key="rater").set_value(rater).run()


def votes_of(root: Path, rater: str, count: int) -> None:
    """The first `count` questions answered: the answer that says yes is better."""
    with People(root) as people:
        for turn in turns("match", rater, [f"pair{n:02}" for n in range(30)], ["gold0", "gold1"])[:count]:
            assert keep(people, "match", rater, turn, "left" if turn.left == "a" else "right", 2.0)


def tables(app: Any) -> str:
    return "\n".join(each.value.to_csv(index=False) for each in app.dataframe)


def test_the_board_is_closed_until_the_quota_is_done(tmp_path: Path) -> None:
    write_arena(tmp_path)
    assert "Give your name" in texts(page("arena", tmp_path, atab="Board"))
    votes_of(tmp_path, "ann", 21)
    app = seen_by(tmp_path, "ann")
    assert "opens after 20 votes, not counting checks" in texts(app)
    assert not any(name in texts(app) + tables(app) + str(app) for name in MODELS)
    votes_of(tmp_path, "ben", 25)
    assert "Quartz-Seven" in tables(seen_by(tmp_path, "ben"))


def test_who_looks_first_does_not_vote(tmp_path: Path) -> None:
    write_arena(tmp_path)
    votes_of(tmp_path, "ann", 32)
    app = seen_by(tmp_path, "zoe")
    app = next(button for button in app.button if "will not vote" in button.label).click().run()
    assert "Quartz-Seven" in tables(app)
    voting = page("arena", tmp_path).text_input(key="rater").set_value("zoe").run()
    assert "You have looked at the board" in texts(voting) and not voting.button


def test_the_board_says_what_the_votes_say(tmp_path: Path) -> None:
    run = write_arena(tmp_path)
    votes_of(tmp_path, "ann", 32)
    pairs = read_pairs(run.path)
    judged = [{"pair": pair.id, "vote": "b", "rater": "judge:it"} for pair in pairs]
    (tmp_path / "match.judge.jsonl").write_text("".join(json.dumps(row) + "\n" for row in judged))
    app = seen_by(tmp_path, "ann")
    assert not app.exception
    said = texts(app)
    assert "60 votes (0 ties) on 30 prompts by 2 raters" in said
    assert "judge:it with the majority of people: kappa" in said and "The answer on the left won" in said
    assert 'ann,30,0,2.0,"1 of 1, 95 %' in tables(app)
    assert "⟨" not in tables(app) and "&lt;b&gt;" not in tables(app) and "<b>Onyx-Nine</b>" in tables(app)
    only = seen_by(tmp_path, "ann", who="people", astyle="true")
    assert "30 votes (0 ties)" in texts(only) and "evalkit arena export match --votes" in texts(only)
    (tmp_path / "match.judge.jsonl").write_text('{"pair": "gone", "vote": "b"}\n')
    assert "a vote on nothing that is known" in texts(seen_by(tmp_path, "ann"))


def test_an_arena_without_votes_names_the_command(tmp_path: Path) -> None:
    write_arena(tmp_path, pairs=3, gold=0)
    with People(tmp_path) as people:
        people.label(Label("match", "", "board", "zoe", "seen"))
    assert "no votes" in texts(seen_by(tmp_path, "zoe")) and "evalkit arena judge" in texts(seen_by(tmp_path, "zoe"))


def test_raters_are_checked_by_gold_and_by_themselves(tmp_path: Path) -> None:
    run = write_arena(tmp_path, pairs=3)
    pairs, gold = {pair.id: pair for pair in read_pairs(run.path)}, {one.id: one for one in read_gold(run.path)}
    votes = [
        Vote("match", "pair00", "ann", "a", seconds=2.0),
        Vote("match", "pair01", "ann", "skip", seconds=9.0),
        Vote("match", "pair02", "ann", "tie", seconds=4.0),
        *(Vote("match", name, "ann", choice) for name, choice in (("gold0", "a"), ("gold1", "b"))),  # type: ignore[arg-type]
    ]
    labels = [Label("match", "pair00", "repeat", "ann", "a"), Label("match", "pair02", "repeat", "ann", "b")]
    [row] = queries.raters(votes, labels, pairs, gold).to_dicts()
    assert (row["votes"], row["skipped"], row["seconds"]) == (2, 1, 3.0)
    assert row["gold"].startswith("1 of 2, 95 %") and row["same"].startswith("1 of 2, 95 %")
    found, out = queries.ballots(votes, list(pairs.values()), [], "people")
    assert len(found) == 2 and out == {"skipped": 1, "on another arena's pair": 2}
    assert queries.ballots(votes, list(pairs.values()), [], "judges")[0] == []
    assert [row["n"] for row in queries.win_counts(found)] == [1, 1, 1, 1]
    first = json.loads(queries.exported(found, list(pairs.values())).splitlines()[0])
    assert first == {
        "prompt": "Question 0?",
        "a": pairs["pair00"].output_a,
        "b": pairs["pair00"].output_b,
        "vote": "a",
        "rater": "ann",
        "seconds": 2.0,
    }


def test_votes_beside_the_arena_are_found_by_its_name_alone(tmp_path: Path) -> None:
    for name in ("match.judge.jsonl", "match.jsonl", "matches.judge.jsonl", "match.judge.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "match.x.jsonl").mkdir()
    assert [path.name for path in queries.vote_files(tmp_path, "match")] == ["match.jsonl", "match.judge.jsonl"]
    assert queries.vote_files(tmp_path / "none", "match") == []


def test_a_file_of_votes_that_goes_away_is_no_vote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_arena(tmp_path)
    votes_of(tmp_path, "ben", 25)
    monkeypatch.setattr(queries, "vote_files", lambda root, name: [root / f"{name}.judge.jsonl"])
    assert "Quartz-Seven" in tables(seen_by(tmp_path, "ben"))
