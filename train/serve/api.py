"""The two calls of the server, from the JSON of a request to that of its answer or of its events."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from train.serve.answers import (
    Choice,
    Entry,
    Envelope,
    TokenTexts,
    chat_logprobs,
    completion_logprobs,
    prompt_entries,
    usage,
)
from train.serve.engine import Engine
from train.serve.requests import MOST_SEQUENCES, ApiError, ChatRequest, CompletionRequest, understand

_DEFAULT_TOKENS = 16  # OpenAI's default of completions
Gone = Callable[[], bool]
Answer = tuple[bool, Iterator[dict[str, Any]]]
"""Whether it is a stream, and the events: of a plain answer there is one."""


def completions(engine: Engine, body: Any, gone: Gone) -> Answer:
    """POST /v1/completions. A text gets the token that begins a document put before it, which echo does not show."""
    request = understand(CompletionRequest, body)
    _check_model(engine, request.model)
    if len(request.prompt) * request.n > MOST_SEQUENCES:
        raise ApiError(400, f"at most {MOST_SEQUENCES} completions in one request", param="n")
    tokenizer = engine.opened.tokenizer
    shown = [tokenizer.encode(each) if isinstance(each, str) else each for each in request.prompt]
    prompts = [engine.opened.text_prompt(each) if isinstance(each, str) else each for each in request.prompt]
    scored = request.echo and request.logprobs is not None
    steps = engine.run(
        prompts,
        request.params(_DEFAULT_TOKENS, request.logprobs or 0),
        seed=_seed(request.seed),
        n=request.n,
        echo=scored,
        gone=gone,
    )
    names = TokenTexts(tokenizer)
    choices = [Choice(index) for index in range(len(prompts) * request.n)]
    envelope = Envelope("completion", engine.name, engine.opened.digest[:16])

    def written(choice: Choice, text: str, entries: list[Entry], shift: int) -> dict[str, Any]:
        found = None if request.logprobs is None else completion_logprobs(names, entries, shift)
        return {"text": text, "index": choice.index, "logprobs": found, "finish_reason": choice.reason}

    def echoed(number: int, piece: Any) -> tuple[str, list[Entry]]:
        given = request.prompt[number // request.n]
        if piece.prompt is None:
            return (given if isinstance(given, str) else tokenizer.decode(given)), []
        text, entries = prompt_entries(tokenizer, shown[number // request.n], piece.prompt)
        return (given if isinstance(given, str) else text), entries

    def events() -> Iterator[dict[str, Any]]:
        before: dict[int, tuple[str, list[Entry]]] = {}
        for piece in chain.from_iterable(steps):
            choice = choices[piece.sequence]
            text, entries = choice.feed(piece)
            front: tuple[str, list[Entry]] = ("", [])
            if request.echo and choice.index not in before:
                front = before[choice.index] = echoed(choice.index, piece)
            if request.stream and (front[0] or text or choice.reason):
                shift = len(before[choice.index][0]) if request.echo else 0
                event = written(choice, text, entries, shift)
                if front[0]:
                    _put_before(event, front, names)
                yield envelope.event([event])
        used = usage([len(prompt) for prompt in prompts], choices)
        if not request.stream:
            found = []
            for choice in choices:
                front = before.get(choice.index, ("", []))
                found.append(written(choice, choice.text, choice.entries, len(front[0])))
                _put_before(found[-1], front, names)
            yield envelope.whole(found, used)
        elif request.stream_options.include_usage:
            yield envelope.event([], used)

    return request.stream, events()


def _put_before(written: dict[str, Any], front: tuple[str, list[Entry]], names: TokenTexts) -> None:
    """Put an echoed prompt before a choice."""
    text, entries = front
    written["text"] = text + written["text"]
    if written["logprobs"] is not None:
        own = completion_logprobs(names, entries)
        written["logprobs"] = {name: own[name] + values for name, values in written["logprobs"].items()}


def chat(engine: Engine, body: Any, gone: Gone) -> Answer:
    """POST /v1/chat/completions, with the chat template of the model."""
    request = understand(ChatRequest, body)
    _check_model(engine, request.model)
    if request.max_completion_tokens is not None:
        request = request.model_copy(update={"max_tokens": request.max_completion_tokens})
    prompt = engine.opened.chat_prompt(request.turns())
    params = request.params(max(engine.sampler.context - len(prompt), 1), request.top_logprobs)
    if not request.ignore_eos:
        params = replace(params, stop_ids=(*params.stop_ids, *engine.opened.chat_ends()))
    steps = engine.run([prompt], params, seed=_seed(request.seed), n=request.n, echo=False, gone=gone)
    names = TokenTexts(engine.opened.tokenizer)
    choices = [Choice(index) for index in range(request.n)]
    envelope = Envelope("chat", engine.name, engine.opened.digest[:16])

    def written(choice: Choice, name: str, message: dict[str, Any], entries: list[Entry]) -> dict[str, Any]:
        found = chat_logprobs(names, entries) if request.logprobs else None
        return {"index": choice.index, name: message, "logprobs": found, "finish_reason": choice.reason}

    def events() -> Iterator[dict[str, Any]]:
        for piece in chain.from_iterable(steps):
            choice = choices[piece.sequence]
            first = choice.used == 0
            text, entries = choice.feed(piece)
            if request.stream and (first or text or choice.reason):
                delta = {"role": "assistant", "content": text} if first else {"content": text} if text else {}
                yield envelope.event([written(choice, "delta", delta, entries)])
        used = usage([len(prompt)], choices)
        if not request.stream:
            yield envelope.whole(
                [
                    written(choice, "message", {"role": "assistant", "content": choice.text}, choice.entries)
                    for choice in choices
                ],
                used,
            )
        elif request.stream_options.include_usage:
            yield envelope.event([], used)

    return request.stream, events()


def _check_model(engine: Engine, name: str | None) -> None:
    if name is not None and name != engine.name:
        raise ApiError(
            404, f"there is no model '{name}' here, only '{engine.name}'", param="model", code="model_not_found"
        )


def _seed(seed: int | None) -> int:
    return secrets.randbits(63) if seed is None else seed
