import dataclasses
import json
import math
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from workbench.envelope import envelope, jsonable
from workbench.errors import Exit, UserError


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: float
    where: Path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (math.inf, None),
        ([1, -math.inf, 2.5], [1, None, 2.5]),
        (Point(math.nan, Path("a/b")), {"x": None, "where": "a/b"}),
        ({Colour.RED: (1, 2)}, {"red": [1, 2]}),
        ({"b", "a"}, ["a", "b"]),
        (Exit.INPUT, 4),
        (np.float64("nan"), None),
        (np.int32(3), 3),
        (np.array([1.0, np.nan]), [1.0, None]),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_jsonable(value: object, expected: object) -> None:
    assert jsonable(value) == expected


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON form for object"):
        jsonable(object())


def test_envelope_on_failure() -> None:
    error = UserError("bad \ud800", hint="mend it", code=Exit.INPUT, file="r.yaml", line=2, column=5)
    text = envelope("curate.run/1", 4, errors=[error], warnings=["w"], elapsed_s=1.23456)
    assert text.isascii()
    assert json.loads(text) == {
        "schema": "curate.run/1",
        "ok": False,
        "exit_code": 4,
        "run": None,
        "data": {},
        "warnings": ["w"],
        "errors": [
            {"code": "input", "message": "bad \ud800", "file": "r.yaml", "line": 2, "column": 5, "hint": "mend it"}
        ],
        "elapsed_s": 1.235,
    }
