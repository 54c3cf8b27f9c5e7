"""Text of others on our pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from dashboard_app import page, texts
from dashboard_runs import decisions, write_run

from workbench.html import Html

pytest.importorskip("streamlit")


def test_only_markup_of_our_own_is_shown() -> None:
    from dashboard.texts import show

    with pytest.raises(TypeError):
        show("<b>x</b>")  # type: ignore[arg-type]
    show(Html("<b>x</b>"))


def test_a_label_has_no_markup() -> None:
    from dashboard.texts import label

    assert label("a_b*c :red[x] [y](z)\n‮") == r"a\_b\*c \:red\[x\] \[y\]\(z\) ⟨U\+202E⟩"


def test_a_name_in_the_url_that_is_no_run_is_said_as_text(tmp_path: Path) -> None:
    write_run(tmp_path, "one", "curate.run", {"decisions": decisions({})})
    app = page("overview", tmp_path, run="<script>alert(1)</script>")
    assert not app.exception
    assert "&lt;script&gt;" in texts(app) and "<script>" not in texts(app)


def test_other_names_make_another_key() -> None:
    from dashboard.texts import key_of

    names = [("run", "item"), ("run", "other"), ("runitem",), ("run", "it", "em"), ("run', 'item",), ("\ud800",), ()]
    assert len({key_of("place", *each) for each in names}) == len(names)
    assert key_of("place", "run") == key_of("place", "run") != key_of("another", "run")


def test_a_long_text_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    from dashboard import texts as module

    monkeypatch.setattr(module, "PART", 10)

    def script(text: str) -> None:
        from dashboard import texts

        texts.in_parts(text, label="a text", key="part")

    app = AppTest.from_function(script, args=("0123456789abcdefghij<b>",)).run()
    assert "0123456789" in texts(app) and "abc" not in texts(app) and "Characters 1 to 10 of 23." in texts(app)
    app.session_state["part"] = 3
    assert "&lt;b&gt;" in texts(app.run()) and "Characters 21 to 23 of 23." in texts(app)
    app.session_state["part"] = 99
    assert "Characters" not in texts(AppTest.from_function(script, args=("short",)).run())
