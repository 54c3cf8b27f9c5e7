"""Asking a model for text, whoever runs it: a checkpoint of one's own, or a server behind an endpoint.

    with open_voice(VoiceSettings(model="runs/sft"), root) as voice:
        voice.say(["Tell me a joke."], How(max_new=64))
        voice.choose(["Which is better, A or B? Answer with one letter."], ("A", "B"))

What is said depends on the model, the prompt and the seed alone. The answers of servers are cached in the workspace.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, Self

import httpx
from pydantic import model_validator

from train.data.pieces import Message
from train.generate import Sampler
from train.open import Opened, open_model
from train.sampler import Params
from workbench.endpoints import Account, Answer, Client, Endpoint, Forecast, Request, chat, completion, forecast
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.files import write_text
from workbench.recipes import Section

ANSWERS = Path("cache") / "answers.sqlite"
"""Where, under the workspace, the answers of endpoints are kept."""
_TOP = 20  # the most likely tokens that servers tell at most

Asked = str | Sequence[Message]
"""A text to go on from, or a conversation to answer."""


class VoiceSettings(Section):
    """Who is asked: a model of one's own, or an endpoint."""

    model: str | None = None
    """A train run, a checkpoint, an adapter, or a Hugging Face directory."""
    endpoint: Endpoint | None = None
    chat: bool | None = None
    """Whether it answers conversations; a base model goes on from text. Default: what the model's files say; an
    endpoint is asked for chat."""
    template: str | None = None
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.model is None) == (self.endpoint is None):
            raise ValueError("name either a model of your own (model) or a server (endpoint)")
        return self


class How(NamedTuple):
    """How a model goes on: tokens at most, and how they are drawn. temperature 0 takes the likeliest."""

    max_new: int = 512
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


class Said(NamedTuple):
    """What a model said: `reason` is "length" where it was cut off; `error` says why there is no text."""

    text: str = ""
    reason: str = ""
    error: str | None = None


class Chosen(NamedTuple):
    """How probable each option is among them, in their order; `error` says why there are no such shares."""

    shares: Sequence[float] = ()
    error: str | None = None


class Voice(Protocol):
    """A model that can be asked. chat: whether it answers conversations."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def chat(self) -> bool: ...
    @property
    def account(self) -> Account: ...

    def say(self, asked: Sequence[Asked], how: How, *, seed: int = 0, listener: Listener | None = None) -> list[Said]:
        """What it says to each. Where the same is asked several times in one call, the answers are drawn apart."""
        ...

    def choose(self, asked: Sequence[Asked], options: Sequence[str]) -> list[Chosen]:
        """How probable each option is as the beginning of the answer, among the options. It is unknown where a server
        names none of them, where a request failed, and for a prompt without room in the context."""
        ...

    def forecast(self, asked: Sequence[Asked], how: How) -> Forecast:
        """What saying it would cost at most."""
        ...

    def close(self) -> None: ...


def open_voice(
    settings: VoiceSettings, root: Path, *, cache: bool = True, transport: httpx.BaseTransport | None = None
) -> Voice:
    """The model that the settings name; `close` it in the end. cache: whether a server's answers are taken from the
    workspace, and kept there. transport: for tests."""
    if settings.endpoint is not None:
        client = Client(settings.endpoint, cache=root / ANSWERS if cache else None, transport=transport)
        return Remote(client, chat=settings.chat is not False)
    assert settings.model is not None
    opened = open_model(
        settings.model, root, device=settings.device, precision=settings.precision, template=settings.template
    )
    return Own(settings.model, opened, chat=opened.form is not None if settings.chat is None else settings.chat)


class Remote:
    """A server. Servers that tell no log-probabilities choose by what they write."""

    def __init__(self, client: Client, *, chat: bool) -> None:
        self.client, self.chat = client, chat
        self.name = client.endpoint.model
        self.digest = f"{client.endpoint.url} {client.endpoint.model}"

    @property
    def account(self) -> Account:
        """What was asked and what it cost."""
        return self.client.account

    def say(self, asked: Sequence[Asked], how: How, *, seed: int = 0, listener: Listener | None = None) -> list[Said]:
        """What the server says to each; a request that failed for good has an error."""
        requests = [
            _request(one, self.chat, _options(how) | ({"seed": own} if how.temperature else {}))
            for one, own in zip(asked, _seeds(asked, seed), strict=True)
        ]
        found = self.client.ask(requests, listener)
        return [Said(each.text, each.reasons[0] if each.reasons else "", each.error) for each in found]

    def choose(self, asked: Sequence[Asked], options: Sequence[str]) -> list[Chosen]:
        """From the likeliest first tokens where the server tells them; else 1 for the option that it writes."""
        more = {"logprobs": True, "top_logprobs": _TOP} if self.chat else {"logprobs": 5}
        fixed = {"max_tokens": 1, "temperature": 0, **more}
        answers = list(self.client.ask([_request(one, self.chat, fixed) for one in asked]))
        check_any(self.name, [answer.error for answer in answers])
        return [_chosen(answer, options) for answer in answers]

    def forecast(self, asked: Sequence[Asked], how: How) -> Forecast:
        """At the endpoint's prices, tokens estimated."""
        requests = [_request(one, self.chat, _options(how)) for one in asked]
        return forecast(self.client.endpoint, requests, is_cached=self.client.is_cached)

    def close(self) -> None:
        """Close connections and cache."""
        self.client.close()


class Own:
    """A checkpoint on this machine; it costs time only, and its account counts tokens."""

    def __init__(self, name: str, opened: Opened, *, chat: bool, rows: int = 64) -> None:
        self.name, self.chat, self.account = name, chat, Account()
        self.digest = opened.digest
        self._opened = opened
        self._sampler = Sampler(opened.model, opened.tokenizer, end_ids=opened.end_ids, rows=rows)

    def say(self, asked: Sequence[Asked], how: How, *, seed: int = 0, listener: Listener | None = None) -> list[Said]:
        """What the model says to each; a prompt without room in its context has an error."""
        params = Params(how.max_new, how.temperature, top_p=how.top_p, stop=how.stop)
        if self.chat:
            params = replace(params, stop_ids=self._opened.chat_ends())
        found = [Said()] * len(asked)
        ids = [self._ids(one) for one in asked]
        groups: dict[int, list[int]] = {}
        for place, (one, own) in enumerate(zip(ids, _seeds(asked, seed), strict=True)):
            try:
                self._sampler.check(one, params)
            except UserError as error:
                found[place] = Said(error=error.message)
                self.account.add(_FREE, Answer(error=error.message))
                continue
            groups.setdefault(own, []).append(place)
        for own, places in groups.items():
            done = self._sampler.generate([ids[place] for place in places], params, seed=own)
            for place, each in zip(places, done, strict=True):
                found[place] = Said(each.text, "length" if each.reason == "length" else "stop")
                usage = Answer(prompt_tokens=len(ids[place]), completion_tokens=len(each.ids), attempts=1)
                self.account.add(_FREE, usage)
        return found

    def choose(self, asked: Sequence[Asked], options: Sequence[str]) -> list[Chosen]:
        """From the log-probabilities of the options' tokens after the prompt."""
        ends = [self._opened.tokenizer.encode(option) for option in options]
        prompts = [self._ids(one) for one in asked]
        longest = max(map(len, ends))
        found = [Chosen(error=f"longer than the {self._sampler.context:,} tokens that {self.name} reads")] * len(
            prompts
        )
        fitting = [place for place, one in enumerate(prompts) if len(one) + longest <= self._sampler.context]
        whole = [[*prompts[place], *end] for place in fitting for end in ends]
        done = self._sampler.generate(whole, Params(max_new=0), echo=True)
        for at, place in enumerate(fitting):
            levels = []
            for number, end in enumerate(ends):
                scored = done[at * len(ends) + number].prompt
                assert scored is not None
                levels.append(math.fsum(scored.logprobs[-len(end) :]))
            found[place] = Chosen(_shares(levels))
            tokens = sum(len(whole[at * len(ends) + number]) for number in range(len(ends)))
            self.account.add(_FREE, Answer(prompt_tokens=tokens, attempts=1))
        return found

    def forecast(self, asked: Sequence[Asked], how: How) -> Forecast:
        """Tokens, which cost nothing."""
        return Forecast(len(asked), 0, sum(map(len, map(self._ids, asked))), len(asked) * how.max_new, 0.0, False)

    def close(self) -> None:
        """Nothing is held but memory."""

    def _ids(self, one: Asked) -> list[int]:
        if self.chat:
            return self._opened.chat_prompt(_messages(one))
        return self._opened.text_prompt(_text(one))


_FREE = Endpoint(url="http://127.0.0.1", model="own")


def check_any(name: str, errors: Sequence[str | None]) -> None:
    """Raises UserError (exit 3) where every request to `name` has an error: what the first was, and whether asking the
    same again can help."""
    failed = [error for error in errors if error is not None]
    if failed and len(failed) == len(errors):
        message = f"{name} failed on all {len(failed):,} requests; the first: {failed[0]}"
        raise UserError(message, hint=advice(failed[0]), code=Exit.PARTIAL)


def advice(error: str) -> str:
    """What to do about a request that failed. A server that refused it will refuse it again."""
    if re.match(r"HTTP 4(?!08|09|25|29)\d\d", error):
        return "the server refused what it was asked: put that right, and run the same command again"
    return "run the same command again: it goes on from what is done"


def once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gave the first time: read from `path` where it is there, else made and written in one piece."""
    try:
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
    except (FileNotFoundError, ValueError):
        pass  # not yet, or damaged: made anew
    found = make()
    write_text(path, json.dumps(found))
    return found


def _request(one: Asked, as_chat: bool, options: Mapping[str, Any]) -> Request:
    return chat(_messages(one), **options) if as_chat else completion(_text(one), **options)


def _options(how: How) -> dict[str, Any]:
    stop = {"stop": list(how.stop)} if how.stop else {}
    return {"max_tokens": how.max_new, "temperature": how.temperature, "top_p": how.top_p, **stop}


def _seeds(asked: Sequence[Asked], seed: int) -> list[int]:
    """Of each question: `seed`, and one more each time that it was asked before."""
    times: Counter[str] = Counter()
    found = []
    for one in asked:
        name = json.dumps(one, default=list)
        found.append(seed + times[name])
        times[name] += 1
    return found


def _messages(one: Asked) -> Sequence[Message]:
    return [{"role": "user", "content": one}] if isinstance(one, str) else one


def _text(one: Asked) -> str:
    """A conversation for a model that only goes on from text."""
    if isinstance(one, str):
        return one
    return "\n\n".join(f"{message['role'].title()}: {message['content']}" for message in one) + "\n\nAssistant:"


def _chosen(answer: Answer, options: Sequence[str]) -> Chosen:
    if answer.error is not None:
        return Chosen(error=answer.error)
    levels = [-math.inf] * len(options)
    for token, logprob in _first_tokens(answer.body):
        for number, option in enumerate(options):
            if token.strip() == option.strip():
                levels[number] = _add(levels[number], logprob)
    if max(levels) > -math.inf:
        return Chosen(_shares(levels))
    said = answer.text.strip()
    wrote = [float(re.match(rf"{re.escape(option.strip())}(?!\w)", said) is not None) for option in options]
    named = ", ".join(option.strip() for option in options)
    return Chosen(wrote) if any(wrote) else Chosen(error=f"the answer begins with none of {named}")


def _first_tokens(body: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The likeliest first tokens in either form of the protocol; none where the server tells none."""
    try:
        told = body["choices"][0]["logprobs"]
        if "content" in told:
            return [(str(each["token"]), float(each["logprob"])) for each in told["content"][0]["top_logprobs"]]
        return [(str(token), float(logprob)) for token, logprob in told["top_logprobs"][0].items()]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        return []


def _add(first: float, second: float) -> float:
    high = max(first, second)
    return high if high == -math.inf else high + math.log(math.exp(first - high) + math.exp(second - high))


def _shares(levels: Sequence[float]) -> list[float]:
    high = max(levels)
    weights = [math.exp(level - high) for level in levels]
    return [weight / sum(weights) for weight in weights]
