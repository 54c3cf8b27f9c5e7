"""Tables that are taken elsewhere."""

from __future__ import annotations

import polars as pl

from dashboard.copying import csv, latex, markdown

FRAME = pl.DataFrame({"run_1": ["a|b", "=1+2\n<x>"], "score": [0.123456789, None]})


def test_nothing_in_a_cell_is_markup() -> None:
    assert csv(FRAME) == "run_1,score\na|b,0.123456789\n'=1+2 <x>,\n"
    assert markdown(FRAME).splitlines() == [
        "| run\\_1 | score |",
        "| --- | ---: |",
        "| a\\|b | 0.123457 |",
        "| =1+2 \\<x\\> |  |",
    ]
    assert latex(FRAME).splitlines()[2:6] == [
        "run\\_1 & score \\\\",
        "\\hline",
        "a|b & 0.123457 \\\\",
        "=1+2 \\textless{}x\\textgreater{} &  \\\\",
    ]
