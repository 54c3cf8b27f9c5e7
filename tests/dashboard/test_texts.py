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
