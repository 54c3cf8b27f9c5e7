"""Batches of sequences: each as if it were alone, and its log-probabilities those of a full forward pass."""

from __future__ import annotations

import pytest
import speaking_models
import torch

from train.generate import Completion, Sampler
from train.losses import token_logprobs
from train.open import Opened
from train.sampler import Params
from workbench.errors import UserError

LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34, 34, 55)
SETTINGS = [
    Params(max_new=30),
    Params(max_new=30, temperature=0),
    Params(max_new=30, temperature=0.7, top_k=40, top_p=0.9, min_p=0.02, alternatives=3),
]


def prompts(opened: Opened) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(30, opened.tokenizer.size, (length,), generator=generator).tolist() for length in LENGTHS]


def sampler(opened: Opened, rows: int = 64) -> Sampler:
    """Sequences end often: at one in forty tokens."""
    return Sampler(opened.model, opened.tokenizer, end_ids=range(50, opened.tokenizer.size, 40), rows=rows)


def close(found: list[Completion], wanted: list[Completion]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert (one.ids, one.text, one.reason) == (other.ids, other.text, other.reason)
        for name in ("logprobs", "drawn"):
            torch.testing.assert_close(
                torch.tensor(getattr(one, name)), torch.tensor(getattr(other, name)), atol=1e-5, rtol=0
            )
        assert (one.prompt is None) == (other.prompt is None)
        if one.prompt and other.prompt:
            torch.testing.assert_close(torch.tensor(one.prompt[0]), torch.tensor(other.prompt[0]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["llama", "lstm"])
@pytest.mark.parametrize("params", SETTINGS)
def test_a_batch_equals_one_by_one(kind: str, params: Params) -> None:
    opened = speaking_models.speaker(kind)
    given = prompts(opened)
    together = sampler(opened).generate(given, params, seed=5, n=3, echo=True)
    alone = [
        one for prompt in given for one in sampler(opened, rows=1).generate([prompt], params, seed=5, n=3, echo=True)
    ]
    close(together, alone)
    assert len({len(each.ids) for each in together}) > 3
    assert {each.reason for each in together} == {"eos", "length"}


def test_neither_batch_size_nor_order_nor_company_matter() -> None:
    opened = speaking_models.speaker()
    given, params = prompts(opened), Params(max_new=25)
    whole = sampler(opened).generate(given, params, seed=9, n=2)
    for rows in (1, 3, 7):
        close(sampler(opened, rows).generate(given, params, seed=9, n=2), whole)
    backwards = sampler(opened).generate(given[::-1], params, seed=9, n=2)
    close([backwards[2 * place + index] for place in reversed(range(len(given))) for index in (0, 1)], whole)
    close(sampler(opened).generate(given[3:4], params, seed=9, n=1), whole[6:7])
    assert whole[0].ids != whole[1].ids
    assert sampler(opened).generate(given, params, seed=10, n=2)[0].ids != whole[0].ids


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_logprobs_are_those_of_a_full_forward(tied: bool, temperature: float) -> None:
    opened = speaking_models.speaker(tied=tied)
    given = prompts(opened)
    for prompt, one in zip(
        given, sampler(opened).generate(given, Params(max_new=30, temperature=temperature), echo=True), strict=True
    ):
        tokens = torch.tensor([prompt + one.ids])
        with torch.no_grad():
            hidden = opened.model(tokens)
            wanted = token_logprobs(hidden[:, :-1], opened.model.head, tokens[:, 1:], temperature or 1.0)[0]
        assert one.prompt is not None
        torch.testing.assert_close(torch.tensor(one.prompt.logprobs + one.logprobs), wanted, atol=1e-5, rtol=0)
        if temperature == 0:
            best = (hidden @ opened.model.head.T)[0, len(prompt) - 1 : -1].argmax(-1)
            assert one.ids == best.tolist()


def test_drawn_from_what_the_cuts_left() -> None:
    """The chance under the narrowed distribution is that of the whole one, divided by what was kept."""
    opened = speaking_models.speaker()
    prompt = prompts(opened)[4]
    whole = opened.tokenizer.size
    one = sampler(opened).generate([prompt], Params(max_new=20, top_k=5, alternatives=whole))[0]
    for logprob, drawn, likeliest in zip(one.logprobs, one.drawn, one.alternatives, strict=True):
        kept = torch.tensor([value for _, value in likeliest[:5]]).logsumexp(0).item()
        assert drawn == pytest.approx(logprob - kept, abs=1e-5)
        assert sum(torch.tensor([value for _, value in likeliest]).exp()) == pytest.approx(1, abs=1e-5)


def test_a_stream_brings_the_same() -> None:
    opened = speaking_models.speaker()
    given = prompts(opened)
    for params in (Params(max_new=40), Params(max_new=40, stop=("e", "日", "ü"), alternatives=2)):
        wanted = sampler(opened).generate(given, params, seed=2, n=2, echo=True)
        text, ids, done = [""] * len(wanted), [[] for _ in wanted], {}
        for pieces in sampler(opened, rows=4).stream(given, params, seed=2, n=2, echo=True):
            for piece in pieces:
                assert (piece.prompt is not None) == (not ids[piece.sequence])
                text[piece.sequence] += piece.text
                ids[piece.sequence].append(piece.token)
                if piece.completion is not None:
                    done[piece.sequence] = piece.completion
        close([done[number] for number in range(len(wanted))], wanted)
        assert text == [each.text for each in wanted]
        assert ids == [each.ids for each in wanted]


def test_stop_texts_end_a_sequence_and_are_cut_off() -> None:
    opened = speaking_models.speaker()
    given = prompts(opened)
    free = sampler(opened).generate(given, Params(max_new=40))
    stop = free[3].text[4:7]
    for one, other in zip(sampler(opened).generate(given, Params(max_new=40, stop=(stop,))), free, strict=True):
        assert one.ids == other.ids[: len(one.ids)]
        assert one.text == other.text.split(stop)[0]
        assert (one.reason == "stop") == (stop in other.text)


def test_end_tokens() -> None:
    opened = speaking_models.speaker()
    prompt = prompts(opened)[5]
    plain = Sampler(opened.model, opened.tokenizer)
    assert plain.end_ids == {opened.tokenizer.eos}
    free = plain.generate([prompt], Params(max_new=30, ignore_eos=True))[0]
    assert len(free.ids) == 30
    end = free.ids[12]
    ended = plain.generate([prompt], Params(max_new=30, stop_ids=(end,)))[0]
    first = free.ids.index(end)
    assert ended.ids == free.ids[: first + 1]
    assert ended.reason == "eos"
    assert ended.text == opened.tokenizer.decode(free.ids[:first])


def test_the_context_ends_a_sequence() -> None:
    opened = speaking_models.speaker(context=96)
    long = [40] * 90
    both = Sampler(opened.model, opened.tokenizer).generate([long, [41]], Params(max_new=20, ignore_eos=True))
    assert [len(each.ids) for each in both] == [6, 20]
    assert both[0].reason == "length"


@pytest.mark.parametrize(
    ("prompt", "max_new", "message"),
    [
        ([], 5, "empty"),
        ([40] * 96, 1, "96 tokens and the completion needs one, the model's context is 96"),
        ([40] * 97, 0, "97 tokens, the model's context is 96"),
        ([5, 100_000], 5, "token 100000"),
        ([-1], 5, "token -1"),
    ],
)
def test_prompts_that_cannot_be_read(prompt: list[int], max_new: int, message: str) -> None:
    opened = speaking_models.speaker(context=96)
    with pytest.raises(UserError, match=message):
        Sampler(opened.model, opened.tokenizer).generate([[3], prompt], Params(max_new=max_new))


def test_scoring_alone() -> None:
    opened = speaking_models.speaker()
    given = [*prompts(opened), [40] * 96]
    found = sampler(opened).generate(given, Params(max_new=0, alternatives=2), echo=True)
    for prompt, one in zip(given, found, strict=True):
        assert one.ids == [] and one.text == "" and one.reason == "length"
        assert one.prompt is not None
        assert len(one.prompt.logprobs) == len(one.prompt.alternatives) == len(prompt) - 1


def test_no_prompts_no_completions() -> None:
    opened = speaking_models.speaker()
    assert sampler(opened).generate([], Params()) == []
