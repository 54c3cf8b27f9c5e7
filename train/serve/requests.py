"""What a client may ask: two forms of JSON, read strictly, because a setting that is passed over falsifies results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from train.sampler import Params

MOST_SEQUENCES = 512
_MOST_LIKELIEST = 20
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "suffix": ("",),
    "tools": ([],),
    "response_format": ({"type": "text"},),
}
"""Settings of OpenAI's and others that are not supported, with the values at which they change nothing."""
_REMARKS = ("user", "metadata", "store", "service_tier", "safety_identifier")


class ApiError(Exception):
    """An answer that is an error: its HTTP status, and the fields that OpenAI's clients read."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = False


class _Request(BaseModel):
    """What both kinds share. Beyond OpenAI's own: top_k, min_p, stop_token_ids and ignore_eos."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = None
    max_tokens: int | None = Field(default=None, ge=0)
    temperature: float = Field(default=1.0, ge=0, le=100)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=-1)
    min_p: float = Field(default=0.0, ge=0, le=1)
    n: int = Field(default=1, ge=1, le=MOST_SEQUENCES)
    seed: int | None = None
    stop: str | list[str] = []
    stop_token_ids: list[int] = []
    ignore_eos: bool = False
    stream: bool = False
    stream_options: _StreamOptions = _StreamOptions()

    @field_validator("stop")
    @classmethod
    def _stops(cls, stop: str | list[str]) -> list[str]:
        found = [stop] if isinstance(stop, str) else stop
        if len(found) > 64 or not all(found):
            raise ValueError("up to 64 texts, none of them empty")
        return found

    def params(self, longest: int, alternatives: int) -> Params:
        """The sampler's parameters; `longest` where the request names no number of tokens."""
        return Params(
            max_new=longest if self.max_tokens is None else self.max_tokens,
            temperature=self.temperature,
            top_k=max(self.top_k, 0),
            top_p=self.top_p,
            min_p=self.min_p,
            stop=tuple(self.stop),
            stop_ids=tuple(self.stop_token_ids),
            ignore_eos=self.ignore_eos,
            alternatives=alternatives,
        )


class CompletionRequest(_Request):
    """POST /v1/completions. prompt: a text, tokens, or a list of either."""

    prompt: list[str] | list[list[int]]
    echo: bool = False
    logprobs: int | None = Field(default=None, ge=0, le=_MOST_LIKELIEST)

    @field_validator("prompt", mode="before")
    @classmethod
    def _prompts(cls, prompt: Any) -> Any:
        if isinstance(prompt, str) or (isinstance(prompt, list) and prompt and _is_tokens(prompt)):
            return [prompt]
        if not isinstance(prompt, list) or not prompt:
            raise ValueError("a text, a list of tokens, or a list of either is wanted")
        if not (all(isinstance(each, str) for each in prompt) or all(map(_is_tokens, prompt))):
            raise ValueError("all prompts must be texts, or all lists of tokens")
        return prompt


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) is int for each in value)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]
    text: str


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    role: str
    content: str | list[_Part]

    @property
    def text(self) -> str:
        """The content, its parts joined."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatRequest(_Request):
    """POST /v1/chat/completions."""

    messages: list[_Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=0)
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=_MOST_LIKELIEST)

    def turns(self) -> list[dict[str, str]]:
        """The messages as templates take them."""
        return [{"role": message.role, "content": message.text} for message in self.messages]


_AnyRequest = TypeVar("_AnyRequest", bound=_Request)


def understand(kind: type[_AnyRequest], body: Any) -> _AnyRequest:
    """The request in a JSON value. ApiError (400) names the first field that is wrong; null is as good as absent."""
    if not isinstance(body, Mapping):
        raise ApiError(400, "the body must be a JSON object")
    given = {name: value for name, value in body.items() if value is not None and name not in _REMARKS}
    for name, neutral in _NEUTRAL.items():
        if name in given and given.pop(name) not in neutral:
            raise ApiError(400, f"`{name}` is not supported", param=name, code="unsupported_parameter")
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        param = str(first["loc"][0])
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise ApiError(400, f"`{where}` is not known", param=param, code="unknown_parameter") from None
        what = first["msg"].removeprefix("Value error, ")
        raise ApiError(400, f"`{where}`: {what[:1].lower()}{what[1:]}", param=param) from None
