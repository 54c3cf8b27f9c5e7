from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import speaking_models
from tiny_llama import WORDS

from evalkit.models.local import Local
from evalkit.models.open import open_model
from evalkit.models.types import Asking, Decoding, Generated, Pair, Prompt, Windows
from workbench.errors import Exit, UserError

LONG = " ".join(WORDS * 6)


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Local:
    found = open_model(str(tiny), root=tmp_path_factory.mktemp("root"))
    assert isinstance(found, Local)
    return found


def shots() -> list[Pair]:
    before = "The cat sat on the mat and then the dog ran over the river. Question: what green moon? Answer:"
    return [Pair(before, f" {word}") for word in WORDS[:8]] + [Pair("", " the cat"), Pair("The old king", " ran over")]


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_pairs_have_one_answer_whatever_they_are_computed_with(tiny: Path, tmp_path: Path, batch: int) -> None:
    pairs = shots()
    together = dict(open_model(str(tiny), root=tmp_path).loglikelihoods(pairs))
    for number, answer in open_model(str(tiny), root=tmp_path, batch=batch).loglikelihoods(pairs):
        assert answer.logprob == pytest.approx(together[number].logprob, abs=1e-5)
        assert answer._replace(logprob=0) == together[number]._replace(logprob=0)


def test_a_pair_is_its_part_of_the_whole_text(model: Local) -> None:
    [(_, whole)] = model.loglikelihoods([Pair("", "the cat sat on")])
    parts = dict(model.loglikelihoods([Pair("", "the cat"), Pair("the cat", " sat on")]))
    assert parts[0].logprob + parts[1].logprob == pytest.approx(whole.logprob, abs=1e-4)
    assert parts[0].tokens + parts[1].tokens == whole.tokens


def test_what_does_not_fit_is_counted_or_fails(model: Local) -> None:
    found = dict(model.loglikelihoods([Pair(LONG, " cat"), Pair("the", " " + LONG), Pair("the cat", "")]))
    tokens = 1 + model.count([LONG])[0]
    assert found[0].cut == tokens - 64
    assert found[0].error is None
    assert "the context of the model 64" in str(found[1].error)
    assert found[2].error == "the continuation adds no token"
    assert math.isnan(found[2].logprob)


def test_the_forecast_of_tokens_is_what_is_computed(tiny: Path, tmp_path: Path) -> None:
    model = open_model(str(tiny), root=tmp_path)
    forecast = model.forecast(Asking(pairs=shots(), texts=[LONG, "the cat"]))
    list(model.loglikelihoods(shots()))
    list(model.rolling([LONG, "the cat"], Windows()))
    assert model.account()["tokens_computed"] == forecast.tokens
    assert forecast.requests == len(shots()) + 2


def test_a_text_token_by_token(model: Local) -> None:
    text = "The cat sat on the mat."
    [(_, rolled)] = model.rolling([text], Windows(), moments=True)
    assert rolled.starts[0] == 0
    assert sorted(set(rolled.starts.tolist())) == rolled.starts.tolist()
    assert rolled.total == pytest.approx(rolled.logprobs.sum(), abs=1e-4)
    assert rolled.means is not None
    assert rolled.deviations is not None
    assert len(rolled.means) == len(rolled.deviations) == len(rolled.logprobs) == model.count([text])[0]
    assert (rolled.deviations > 0).all()


def test_where_the_begin_of_text_counts(model: Local) -> None:
    found = {bos: dict(model.rolling([LONG], Windows(bos=bos)))[0] for bos in ("context", "scored", "none")}
    assert len(found["context"].logprobs) == len(found["scored"].logprobs) == len(found["none"].logprobs) + 1
    assert found["scored"].begin == pytest.approx(-5.697963714599609, rel=1e-9)  # P(BOS | BOS), as lm-eval counts it
    assert found["scored"].total == pytest.approx(found["scored"].begin + found["scored"].logprobs.sum(), abs=1e-3)
    assert found["context"].begin is None
    assert found["none"].starts[0] > 0


def test_a_stride_changes_only_what_stands_behind_the_first_window(model: Local) -> None:
    found = {stride: dict(model.rolling([LONG], Windows(stride=stride)))[0].logprobs for stride in (None, 1, 16)}
    for stride in (1, 16):
        np.testing.assert_allclose(found[stride][:64], found[None][:64], atol=1e-5)
        assert np.abs(found[stride] - found[None])[64:].max() > 0.01
    [(_, short)] = model.rolling([LONG], Windows(context=16))
    np.testing.assert_allclose(short.logprobs[:16], found[None][:16], atol=1e-5)


def test_many_texts_are_one_by_one_the_same(model: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["", "the cat", LONG, "the cat sat", LONG[10:]]
    together = dict(model.rolling(texts, Windows()))
    monkeypatch.setattr("evalkit.models.computed._TOGETHER", 1)
    apart = list(model.rolling(texts, Windows()))
    assert [number for number, _ in apart] == [0, 1, 2, 3, 4]
    for number, rolled in apart:
        np.testing.assert_allclose(rolled.logprobs, together[number].logprobs, atol=1e-5)
    assert together[0].total == 0


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        (Windows(context=65), "the model's context is 64"),
        (Windows(stride=0), "the stride"),
        (Windows(context=8, stride=9), "the stride"),
        (Windows(bos="always"), "bos is one of"),
    ],
)
def test_windows_that_make_no_sense(model: Local, windows: Windows, said: str) -> None:
    with pytest.raises(UserError, match=said):
        list(model.rolling(["the cat"], windows))


def test_a_text_goes_on_the_same_in_every_batch(tiny: Path, tmp_path: Path) -> None:
    prompts = [Prompt("The cat"), Prompt("The old king ran over the river and then"), Prompt(LONG), Prompt("The cat")]
    decoding = Decoding(max_new=5, temperature=1.0, n=2)
    found = [
        dict(open_model(str(tiny), root=tmp_path, batch=batch).generate(prompts, decoding, seed=3))
        for batch in (None, 1, 3)
    ]
    assert found[0] == found[1] == found[2]
    assert found[0][0] == found[0][3]
    assert [len(answers) for _, answers in sorted(found[0].items())] == [2, 2, 2, 2]
    tokens = 1 + open_model(str(tiny), root=tmp_path).count([LONG])[0]
    assert [found[0][number][0].cut for number in range(4)] == [0, 0, tokens - (64 - 5), 0]
    assert {answer.reason for answers in found[0].values() for answer in answers} <= {"eos", "length"}


def test_a_stop_text_ends_an_answer(model: Local) -> None:
    def said(*stop: str) -> Generated:
        [(_, [answer])] = model.generate([Prompt("The cat")], Decoding(max_new=24, temperature=1.0, stop=stop), seed=1)
        return answer

    plain = said()
    stop = plain.text[4:6]
    stopped = said(stop)
    assert (stopped.text, stopped.reason) == (plain.text[: plain.text.index(stop)], "stop")


def test_a_conversation_needs_a_template(model: Local) -> None:
    assert "chat" not in model.can
    with pytest.raises(UserError, match="no chat template"):
        list(model.generate([Prompt(({"role": "user", "content": "Hello"},))], Decoding(max_new=2)))


def test_a_conversation_ends_where_its_template_says() -> None:
    model = Local("speaker", speaking_models.speaker(context=128), precision="fp32")
    assert "chat" in model.can
    [(_, [answer])] = model.generate([Prompt(({"role": "user", "content": "Hello"},))], Decoding(max_new=4))
    assert answer.error is None
    assert answer.tokens <= 4


def test_the_digest_holds_all_that_decides_an_answer(tiny: Path, tmp_path: Path) -> None:
    def digest(**said: object) -> str:
        return open_model(str(tiny), root=tmp_path, **said).digest  # type: ignore[arg-type]

    assert digest() == digest(batch=3) == digest(bos=True)
    assert len({digest(), digest(bos=False), digest(precision="bf16")}) == 3


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("config.json", {"rope_theta": 500.0}),
        ("config.json", {"rms_norm_eps": 1e-3}),
        ("tokenizer_config.json", {"bos_token": "</s>"}),
    ],
)
def test_the_same_weights_read_otherwise_are_another_model(
    tiny: Path, tmp_path: Path, file: str, changed: dict[str, object]
) -> None:
    shutil.copytree(tiny, tmp_path / "other")
    values = {
        name: value for name, value in json.loads((tiny / file).read_bytes()).items() if name != "rope_parameters"
    }
    (tmp_path / "other" / file).write_text(json.dumps(values | changed))
    one, other = (open_model(str(path), root=tmp_path) for path in (tiny, tmp_path / "other"))
    pair = Pair("", "the cat sat on the mat")
    (before,), (after,) = (list(model.loglikelihoods([pair])) for model in (one, other))
    assert before[1].logprob != after[1].logprob
    assert one.digest != other.digest


def test_progress_is_told(model: Local) -> None:
    told: list[float] = []
    list(model.loglikelihoods(shots(), listener=lambda event: told.append(event.fraction)))
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_a_tokenizer_without_begin_and_end(tiny: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in tiny.iterdir():
        (bare / file.name).write_bytes(file.read_bytes())
    (bare / "tokenizer_config.json").write_text(json.dumps({"bos_token": None, "eos_token": None}))
    model = open_model(str(bare), root=tmp_path, bos=False)
    with pytest.raises(UserError, match="no token that begins or ends a text") as raised:
        list(model.rolling(["the cat"], Windows()))
    assert raised.value.code == Exit.INPUT
    [(_, rolled)] = model.rolling(["the cat sat"], Windows(bos="none"))
    assert len(rolled.logprobs) == model.count(["the cat sat"])[0] - 1
