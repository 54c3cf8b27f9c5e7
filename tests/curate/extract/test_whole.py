"""The engine's one compiled call says what the steps say one by one, which explain and train."""

from __future__ import annotations

import pytest

from curate.extract.engines import load
from curate.extract.winnow.analyse import analyse, scores
from curate.extract.winnow.judge import CHUNK
from curate.extract.winnow.model import open_model
from curate.extract.winnow.write import write_kept

NAV = "<nav><a href=/a>Home</a> <a href=/b>About us</a></nav>"
POST = "<p>Rain fell on the hills all night, and by the morning, which was cold, the river had reached the bridge.</p>"
FORMULA = "<p>It is <math><mi>a</mi><mo>=</mo><mi>b</mi></math> that he wrote, and nobody has found a better way.</p>"


@pytest.mark.parametrize(
    "body", ["", POST, NAV + POST * 30, NAV + FORMULA + POST * 3, NAV + "<li>one, two</li>" * 40 + POST * (CHUNK + 9)]
)
def test_one_call_is_all_steps(body: str) -> None:
    page = f"<html><head><title>t</title></head><body><article>{body}</article></body></html>"
    model, analysed = open_model(), analyse(page)
    steps = write_kept(analysed, scores(analysed, model), model.limits["balanced"])
    assert load("winnow").extract(page.encode()) == steps
    assert ("Rain fell" in steps) is ("Rain fell" in body) and ("\\(a=b\\)" in steps) is (FORMULA in body)
    assert (len(analysed.page.block_node) > CHUNK) is (len(body) > 100 * CHUNK)
