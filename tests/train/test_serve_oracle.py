"""The server as lm-eval and transformers see it; run where both are installed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import speaking_models
import torch

from train.generate import Sampler
from train.model.build import save
from train.open import open_model
from train.sampler import Params
from train.serve import Engine, Server

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    opened = speaking_models.speaker(context=128)
    directory = tmp_path_factory.mktemp("models") / "small"
    save(opened.model, opened.config, directory)
    opened.tokenizer.save(directory)
    return directory


@pytest.fixture(scope="module")
def url(checkpoint: Path) -> Iterator[str]:
    with Server(Engine(open_model(str(checkpoint), checkpoint.parent), "small")) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made.url
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("tokenized", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_lm_eval(url: str, checkpoint: Path, tokenized: bool, batch: int) -> None:
    """Log-likelihoods through the server are those of lm-eval's own model on the same checkpoint."""
    pytest.importorskip("lm_eval")
    transformers = pytest.importorskip("transformers")
    from lm_eval.api.instance import Instance
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    served = LocalCompletionsAPI(
        base_url=url + "/completions",
        model="small",
        tokenizer=str(checkpoint),
        tokenizer_backend="huggingface",
        tokenized_requests=tokenized,
        batch_size=batch,
        max_length=128,
        num_concurrent=2,
    )
    pairs = [
        ("the quick brown", " fox jumps"),
        ("Der Fluß", " fließt — grau"),
        ("日本語の", " five six"),
        ("one two", " three four"),
    ]
    asked = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)]
    found = served.loglikelihood(asked)
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    coder = transformers.AutoTokenizer.from_pretrained(checkpoint)
    for (context, continuation), (logprob, _) in zip(pairs, found, strict=True):
        # Texts are read as documents begin; tokens as they are given.
        begin = [] if tokenized else [coder.bos_token_id]
        before = coder(context, add_special_tokens=False).input_ids
        ids = torch.tensor([begin + coder(context + continuation, add_special_tokens=False).input_ids])
        with torch.no_grad():
            logs = model(ids).logits.log_softmax(-1)[0, :-1].gather(-1, ids[0, 1:, None])[:, 0]
        wanted = float(logs[len(begin) + len(before) - 1 :].sum())
        assert logprob == pytest.approx(wanted, abs=1e-4), (context, found)
    until = [Instance("generate_until", {}, ("the quick", {"until": ["e"], "max_gen_toks": 20}), 0)]
    [text] = served.generate_until(until)
    assert "e" not in text
    greedy = [Instance("loglikelihood", {}, ("the quick", text[:1]), 0)] if text else []
    assert all(isinstance(is_greedy, bool) for _, is_greedy in served.loglikelihood(greedy)) if greedy else True


@pytest.mark.parametrize("padded", [True, False])
def test_greedy_tokens_are_those_of_transformers(checkpoint: Path, padded: bool) -> None:
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    opened = open_model(str(checkpoint), checkpoint.parent)
    prompts = [[50, 60, 70, 80], [90, 91], [33, 44, 55]] if padded else [[50, 60, 70, 80]]
    sampler = Sampler(opened.model, opened.tokenizer)
    found = sampler.generate(prompts, Params(max_new=40, temperature=0, ignore_eos=True))
    for prompt, one in zip(prompts, found, strict=True):
        wanted = model.generate(
            torch.tensor([prompt]), max_new_tokens=40, do_sample=False, eos_token_id=None, pad_token_id=0
        )
        assert one.ids == wanted[0, len(prompt) :].tolist()
