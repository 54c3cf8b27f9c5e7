"""The page on which people vote: blind, by turns, safe against double presses and reloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dashboard_app import page, texts
from dashboard_arenas import MODELS, write_arena

from workbench.errors import UserError
from workbench.people import People

pytest.importorskip("streamlit")


def sent(app: Any) -> str:
    """Everything that went to the browser."""
    return "\n".join(str(element.proto) for element in app.main) + texts(app) + str(app)


def booth(root: Path, name: str = "ann") -> Any:
    from dashboard.panels import arena_vote

    arena_vote.LEAST_S = 0.0
    app = page("arena", root)
    return app.text_input(key="rater").set_value(name).run()


def press(app: Any, title: str) -> Any:
    return next(button for button in app.button if button.label == title).click().run()


def test_nothing_tells_who_wrote_what(tmp_path: Path) -> None:
    write_arena(tmp_path)
    app = booth(tmp_path)
    for said in ("Left is better", "Tie", "Skip", "Right is better", "Both are bad"):
        app = press(app, said)
        assert not app.exception
        everything = sent(app)
        assert "Question" in everything or "Check" in everything
        for name in MODELS:
            assert name not in everything and name.strip("<>b/") not in everything
        assert "pair0" not in everything and "pair1" not in everything
        assert "<img" not in texts(app)
    with People(tmp_path) as people:
        assert len(people.votes("match", "ann")) == 5


def test_a_vote_stands_a_reload_goes_on_and_undo_goes_back(tmp_path: Path) -> None:
    write_arena(tmp_path, gold=0)
    app = press(booth(tmp_path), "Left is better")
    assert "Kept." in texts(app) and "1 of 31 questions" in str(app.get("progress")[0].proto)
    shown = texts(app)
    again = booth(tmp_path)
    assert texts(again).replace("Kept.", "") == shown.replace(
        '<div class="wn"><p class="line soft">Kept.</p></div>\n', ""
    )
    again = press(again, "Undo the last vote")
    assert "Taken back." in texts(again) and "0 of 31 questions" in str(again.get("progress")[0].proto)
    other = booth(tmp_path, "ben")
    assert texts(other) != texts(booth(tmp_path))


def test_each_rater_begins_a_long_text_at_its_first_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import texts as module

    monkeypatch.setattr(module, "PART", 4)
    write_arena(tmp_path, gold=0)
    app = booth(tmp_path)
    for pages in app.get("pagination"):
        app.session_state[pages.key] = 2
    assert "Characters 5 to " in texts(app.run()) and "Characters 1 to" not in texts(app)
    app.text_input(key="rater").set_value("ben").run()
    assert "Characters 1 to 4" in texts(app) and "Characters 5 to " not in texts(app)


def test_a_press_from_a_second_window_changes_nothing(tmp_path: Path) -> None:
    write_arena(tmp_path, gold=0)
    first, second = booth(tmp_path), booth(tmp_path)
    press(first, "Left is better")
    with People(tmp_path) as people:
        [vote] = people.votes("match", "ann")
        after = press(second, "Right is better")
        assert people.votes("match", "ann") == [vote]
    assert "that answer stays" in texts(after)


def test_a_key_pressed_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard.panels import arena_vote

    write_arena(tmp_path)
    app = booth(tmp_path)
    monkeypatch.setattr(arena_vote, "LEAST_S", 3600.0)
    app = press(app, "Left is better")
    assert "before the pair could be read" in texts(app)
    with People(tmp_path) as people:
        assert people.votes("match") == []


def test_a_vote_that_cannot_be_kept_is_not_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_arena(tmp_path)
    app = booth(tmp_path)

    def full(*_: object) -> bool:
        raise UserError("people.sqlite: disk I/O error", hint="is the disk full?")

    monkeypatch.setattr(People, "vote", full)
    app = press(app, "Left is better")
    assert "Not kept: people.sqlite: disk I/O error. is the disk full?" in texts(app) and not app.exception
    assert "0 of 32 questions" in str(app.get("progress")[0].proto)


def test_without_a_name_or_an_arena_there_is_a_card(tmp_path: Path) -> None:
    assert "evalkit arena pairs" in texts(page("arena", tmp_path))
    write_arena(tmp_path)
    app = page("arena", tmp_path)
    assert "Votes need a name." in texts(app) and not app.button
