from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.open import open_model
from evalkit.models.recorded import Recorded
from evalkit.models.types import Asking, Decoding, Pair, Prompt, Windows
from workbench.errors import Exit, UserError

MESSAGES = ({"role": "user", "content": "Hello"},)


def recorded(tmp_path: Path, *rows: Any) -> Recorded:
    path = tmp_path / "said.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = open_model(f"recorded:{path}", root=tmp_path)
    assert isinstance(found, Recorded)
    return found


def test_outputs(tmp_path: Path) -> None:
    model = recorded(
        tmp_path,
        {"prompt": "one", "output": "yes\nno"},
        {"prompt": list(MESSAGES), "output": ["a", "b", "c"], "model": "x"},
    )
    assert model.can == {"generate", "chat"}
    found = dict(model.generate([Prompt(MESSAGES), Prompt("one"), Prompt("two")], Decoding(n=2, stop=("\n",))))
    assert [answer.text for answer in found[0]] == ["a", "b"]
    assert (found[1][0].text, found[1][0].reason) == ("yes", "stop")
    assert "has 1 outputs" in str(found[1][1].error)
    assert ["has no outputs" in str(answer.error) for answer in found[2]] == [True, True]


def test_log_likelihoods(tmp_path: Path) -> None:
    row = {"context": "a", "continuation": " b", "logprob": -1.5, "tokens": 1, "greedy": True}
    model = recorded(tmp_path, row, row, "")
    assert model.can == {"loglikelihood"}
    found = dict(model.loglikelihoods([Pair("a", " b"), Pair("a", " c")]))
    assert found[0] == (-1.5, 1, True, 0, None)
    assert "no such pair" in str(found[1].error)
    assert dict(model.rolling(["a"], Windows()))[0].error is not None
    assert model.forecast(Asking(pairs=[Pair("a", " b")])).tokens == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ([1], "no recorded answer"),
        ({"prompt": "x"}, "no recorded answer"),
        ({"prompt": 3, "output": "x"}, "neither a text"),
        ({"prompt": "x", "output": []}, "neither a text"),
        ({"prompt": "x", "output": [3]}, "neither a text"),
        ({"prompt": [{"role": 1}], "output": "x"}, "neither a text"),
        ({"context": 1, "continuation": "b", "logprob": -1}, "must be texts"),
        ({"context": "a", "continuation": "b", "logprob": 1}, "at most 0"),
        ({"context": "a", "continuation": "b", "logprob": True}, "at most 0"),
        ('{"context": "a", "continuation": "b", "logprob": NaN}', "at most 0"),
        ('{"context": "a", "continuation": "b", "logprob": -Infinity}', "at most 0"),
        ({"context": "a", "continuation": "b", "logprob": -1, "tokens": 1.5}, "whole number"),
        ({"prompt": "first", "output": "other"}, "answered otherwise"),
    ],
)
def test_a_line_that_is_no_answer_is_named(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        recorded(tmp_path, {"prompt": "first", "output": "same"}, row)
    assert (raised.value.line, raised.value.code) == (2, Exit.INPUT)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read") as raised:
        open_model(f"recorded:{tmp_path}/none.jsonl", root=tmp_path)
    assert raised.value.code == Exit.INPUT


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    first = recorded(tmp_path, {"prompt": "x", "output": "y"}).digest
    assert recorded(tmp_path, {"prompt": "x", "output": "y"}).digest == first
    assert recorded(tmp_path, {"prompt": "x", "output": "z"}).digest != first
