"""Models of transformers; most tests run where it is installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_llama import WORDS

from evalkit.models.open import open_model
from evalkit.models.types import Asking, Decoding, Pair, Prompt, Windows
from workbench.errors import Exit, UserError

PAIRS = [Pair("The cat sat on", f" {word}") for word in WORDS[:4]] + [Pair("", " the old king"), Pair("a", "")]
LONG = " ".join(WORDS * 6)


@pytest.fixture(scope="module")
def gpt2(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT-2 with random weights and the tokenizer of the tiny Llama."""
    library = pytest.importorskip("transformers")
    directory = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(1)
    config = library.GPT2Config(
        vocab_size=512, n_positions=48, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=1
    )
    model = library.GPT2LMHeadModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5 if weight.dim() > 1 else 1)
    model.save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / name, directory / name)
    return directory


@pytest.mark.oracle
def test_another_architecture_is_scored_by_its_own_arithmetic(gpt2: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("transformers")
    theirs = library.AutoModelForCausalLM.from_pretrained(gpt2).eval()
    tokenizer = library.AutoTokenizer.from_pretrained(gpt2)
    for batch in (None, 1, 3):
        model = open_model(str(gpt2), root=tmp_path, batch=batch)
        assert model.context == 48
        found = dict(model.loglikelihoods(PAIRS))
        assert found[5].error == "the continuation adds no token"
        for number, pair in enumerate(PAIRS[:4]):
            whole, context = (tokenizer.encode(text) for text in (pair.context + pair.continuation, pair.context))
            with torch.inference_mode():
                logs = theirs(torch.tensor([whole])).logits[0].log_softmax(-1)
            expected = sum(float(logs[at - 1, whole[at]]) for at in range(len(context), len(whole)))
            assert found[number].logprob == pytest.approx(expected, abs=1e-4)


@pytest.mark.oracle
@pytest.mark.parametrize("file", ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer.model"])
def test_any_file_of_a_tokenizer_names_the_model(gpt2: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(gpt2, tmp_path / "other")
    (tmp_path / "other" / file).write_text("{}")
    assert open_model(str(gpt2), root=tmp_path).digest != open_model(str(tmp_path / "other"), root=tmp_path).digest


@pytest.mark.oracle
def test_an_answer_that_fills_the_context_did_not_end_by_itself(gpt2: Path, tmp_path: Path) -> None:
    model = open_model(str(gpt2), root=tmp_path)
    [(_, [answer])] = model.generate([Prompt(LONG)], Decoding(max_new=40))
    assert answer.tokens == 24
    assert answer.reason == "length"


@pytest.mark.oracle
def test_a_llama_is_the_same_to_both(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    here, there = (open_model(spec, root=tmp_path) for spec in (str(tiny), f"transformers:{tiny}"))
    assert here.digest != there.digest
    expected = dict(here.loglikelihoods(PAIRS))
    for number, answer in dict(there.loglikelihoods(PAIRS[:5])).items():
        assert answer.logprob == pytest.approx(expected[number].logprob, abs=1e-5)
        assert answer._replace(logprob=0) == expected[number]._replace(logprob=0)
    for windows in (Windows(), Windows(bos="scored"), Windows(bos="none", stride=8)):
        [(_, one)], [(_, other)] = (model.rolling([LONG], windows, moments=True) for model in (here, there))
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-5)
        np.testing.assert_allclose(one.deviations, other.deviations, atol=1e-4)
        assert one.starts.tolist() == other.starts.tolist()
    prompts = [Prompt("The cat sat"), Prompt(LONG)]
    texts = [
        [answer for _, answers in sorted(model.generate(prompts, Decoding(max_new=6))) for answer in answers]
        for model in (here, there)
    ]
    assert texts[0] == texts[1]


@pytest.mark.oracle
def test_what_is_drawn_follows_from_the_seed(gpt2: Path, tmp_path: Path) -> None:
    model = open_model(str(gpt2), root=tmp_path)
    decoding = Decoding(max_new=8, temperature=1.0, n=2)
    first, again, other = (
        dict(model.generate([Prompt("The cat"), Prompt(LONG)], decoding, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert dict(model.generate([Prompt(LONG)], decoding, seed=1))[0] == first[1]
    assert first[1][0].cut > 0
    assert first[0][0].text != first[0][1].text


@pytest.mark.oracle
def test_a_stop_text_and_a_conversation(gpt2: Path, tmp_path: Path) -> None:
    model = open_model(str(gpt2), root=tmp_path)
    [(_, [plain])] = model.generate([Prompt("The cat")], Decoding(max_new=12, temperature=1.0), seed=1)
    stop = plain.text[3:5]
    [(_, [stopped])] = model.generate([Prompt("The cat")], Decoding(max_new=12, temperature=1.0, stop=(stop,)), seed=1)
    assert (stopped.text, stopped.reason) == (plain.text[: plain.text.index(stop)], "stop")
    assert "chat" not in model.can
    with pytest.raises(UserError, match="no chat template"):
        list(model.generate([Prompt(({"role": "user", "content": "Hello"},))], Decoding()))


@pytest.mark.oracle
def test_the_forecast_is_what_is_computed(gpt2: Path, tmp_path: Path) -> None:
    model = open_model(str(gpt2), root=tmp_path)
    forecast = model.forecast(Asking(pairs=PAIRS, texts=[LONG]))
    list(model.loglikelihoods(PAIRS))
    list(model.rolling([LONG], Windows()))
    assert model.account()["tokens_computed"] == forecast.tokens


def strange(tmp_path: Path, **config: Any) -> Path:
    directory = tmp_path / "strange"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def test_without_transformers_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("transformers") is not None:
        monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(UserError, match="needs transformers") as raised:
        open_model(str(strange(tmp_path, model_type="gpt2", architectures=["GPT2LMHeadModel"])), root=tmp_path)
    assert (raised.value.code, raised.value.hint) == (Exit.MISSING, "pip install transformers")


@pytest.mark.oracle
def test_what_transformers_cannot_open_is_an_input_error(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match="cannot open") as raised:
        open_model(str(strange(tmp_path, model_type="no-such-thing")), root=tmp_path)
    assert raised.value.code == Exit.INPUT


def test_a_config_that_is_none_is_no_business_of_transformers(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        open_model(str(strange(tmp_path)), root=tmp_path)
    assert "transformers" not in raised.value.message
