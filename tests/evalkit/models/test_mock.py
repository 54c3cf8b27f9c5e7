from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.models.mock import Mock
from evalkit.models.types import Asking, Decoding, Pair, Prompt, Windows


def test_a_text_has_one_probability_however_it_is_asked_for() -> None:
    model = Mock(3)
    found = dict(model.loglikelihoods([Pair("", "the cat sat"), Pair("", "the"), Pair("the", " cat sat")]))
    assert found[0].logprob == pytest.approx(found[1].logprob + found[2].logprob)
    [(_, rolled)] = model.rolling(["the cat sat"], Windows())
    assert rolled.total == pytest.approx(found[0].logprob)
    assert rolled.starts.tolist() == [0, 3, 7]
    assert len(dict(model.rolling(["the cat sat"], Windows(bos="none")))[0].logprobs) == 2


def test_a_seed_is_a_model() -> None:
    one, other = (dict(Mock(seed).loglikelihoods([Pair("a", " b")]))[0] for seed in (1, 2))
    assert one != other
    assert Mock(1).digest != Mock(2).digest
    assert dict(Mock(1).loglikelihoods([Pair("a", " b")]))[0] == one


def test_it_says_the_last_line_again() -> None:
    model = Mock(0)
    [(_, [answer])] = model.generate([Prompt("first\nsecond line\n")], Decoding())
    assert (answer.text, answer.reason) == ("second line", "eos")
    [(_, [answer])] = model.generate([Prompt("second line")], Decoding(stop=(" l",)))
    assert (answer.text, answer.reason) == ("second", "stop")
    [(_, [answer])] = model.generate([Prompt("second line")], Decoding(max_new=1))
    assert (answer.text, answer.reason, answer.tokens) == ("seco", "length", 1)
    [(_, [answer])] = model.generate([Prompt(({"role": "user", "content": "hello"},))], Decoding())
    assert answer.text == "hello"
    [(_, answers)] = model.generate([Prompt("one two three four five")], Decoding(temperature=1.0, n=8), seed=5)
    assert len({answer.text for answer in answers}) > 1


def test_the_forecast_is_what_is_read() -> None:
    model = Mock(0)
    pairs = [Pair("the", " cat")]
    assert model.forecast(Asking(pairs=pairs, texts=["the cat"])).tokens == 4
    assert dict(model.loglikelihoods([Pair("a", "")]))[0].error == "the continuation adds no token"


def test_half_of_a_surrogate_pair_is_a_letter_like_others(tmp_path: Path) -> None:
    assert dict(Mock(0).loglikelihoods([Pair("\ud800", "\udfff")]))[0].tokens == 1
