"""A table as text to be taken elsewhere: CSV, Markdown, LaTeX. Nothing in a cell is markup there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.frames import all_told
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

_LATEX = {
    **{each: "\\" + each for each in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_FORMULA = ("=", "+", "-", "@")


def csv(frame: pl.DataFrame) -> str:
    """Numbers as they are; a text that a spreadsheet would take for a formula begins with an apostrophe."""
    import polars as pl

    def safe(text: str) -> str:
        line = one_line(text)
        return f"'{line}" if line.startswith(_FORMULA) else line

    head = pl.DataFrame([[safe(name)] for name in frame.columns])
    return head.write_csv(include_header=False) + all_told(frame, safe).write_csv(include_header=False)


def markdown(frame: pl.DataFrame) -> str:
    """A table of pipes; numbers to the right."""

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cells) + " |\n"

    head = line([_in_markdown(name) for name in frame.columns])
    rule = line(["---:" if kind.is_numeric() else "---" for kind in frame.dtypes])
    return head + rule + "".join(line([_in_markdown(_told(value)) for value in row]) for row in frame.rows())


def latex(frame: pl.DataFrame) -> str:
    """A tabular; it needs no package."""

    def line(cells: list[str]) -> str:
        return " & ".join(cells) + " \\\\\n"

    kinds = "".join("r" if kind.is_numeric() else "l" for kind in frame.dtypes)
    rows = "".join(line([_in_latex(_told(value)) for value in row]) for row in frame.rows())
    head = line([_in_latex(name) for name in frame.columns])
    return f"\\begin{{tabular}}{{{kinds}}}\n\\hline\n{head}\\hline\n{rows}\\hline\n\\end{{tabular}}\n"


FORMS: dict[str, tuple[Callable[[pl.DataFrame], str], str]] = {
    "CSV": (csv, "csv"),
    "Markdown": (markdown, "markdown"),
    "LaTeX": (latex, "latex"),
}


def control(frame: pl.DataFrame, *, key: str) -> None:
    """A small control that shows the table in one of the forms, to be copied; nothing is sent before it is opened."""
    with st.popover("Copy the table", icon=":material/content_copy:", key=f"{key}-copy", on_change="rerun") as opened:
        if opened.open:
            form = st.segmented_control("Form", list(FORMS), default="CSV", required=True, key=f"{key}-form")
            write, language = FORMS.get(str(form), FORMS["CSV"])
            st.code(write(frame), language=language, height=360)


def _told(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else one_line(str(value))


def _in_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def _in_latex(text: str) -> str:
    return "".join(_LATEX.get(each, each) for each in one_line(text))
