"""The prompts of judges: files with a name and a version, checked before anything is asked."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

import regex
from pydantic import field_validator, model_validator

from workbench import recipes
from workbench.errors import Exit, UserError, did_you_mean
from workbench.recipes import Section

_FOLDER = "prompts"
_FIELD = regex.compile(r"\{(\w+)\}")
_NEEDED = {"pair": ("instruction", "first", "second"), "score": ("conversation",)}


class JudgePrompt(Section):
    """How a model is asked for a verdict.

    A pair is judged by the probabilities of the two `options` as the next token, first answer first, or by what the
    last line of the model's text matches of `verdicts`. A score is the `value` that `score` finds in the last line.
    """

    name: str
    version: int
    kind: Literal["pair", "score"]
    system: str = ""
    user: str
    options: tuple[str, str] | None = None
    verdicts: dict[str, float] = {}  # noqa: RUF012  (pydantic copies it)
    score: str | None = None
    max_new: int = 1

    @field_validator("verdicts")
    @classmethod
    def _patterns(cls, verdicts: dict[str, float]) -> dict[str, float]:
        for pattern, share in verdicts.items():
            _compiled(pattern)
            if not 0 <= share <= 1:
                raise ValueError(f"{share} is no share between 0 and 1")
        return verdicts

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [name for name in _NEEDED[self.kind] if f"{{{name}}}" not in self.user]
        if missing:
            raise ValueError(f"the text has no place for {', '.join(f'{{{name}}}' for name in missing)}")
        if self.kind == "pair" and (self.options is None) == (not self.verdicts):
            raise ValueError("a pair is judged either by options or by verdicts")
        if self.kind == "score" and (self.score is None or "(?P<value>" not in self.score):
            raise ValueError("a score needs a pattern with (?P<value>...)")
        if self.score is not None:
            _compiled(self.score)
        return self

    @property
    def digest(self) -> str:
        """Of every word of it."""
        return hashlib.sha256(self.model_dump_json().encode("utf-8", "surrogatepass")).hexdigest()

    def messages(self, **values: str) -> list[dict[str, str]]:
        """The conversation that asks; braces in what is filled in stay as they are."""
        filled = _FIELD.sub(lambda match: values.get(match[1], match[0]), self.user)
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": filled}]

    def share(self, said: str) -> float | None:
        """What a text says of a pair; None where its last line says nothing, or two things."""
        line = _last_line(said)
        found = {share for pattern, share in self.verdicts.items() if _compiled(pattern).search(line, timeout=1)}
        return found.pop() if len(found) == 1 else None

    def grade(self, said: str) -> float | None:
        """What a text says of a score."""
        assert self.score is not None
        match = _compiled(self.score).search(_last_line(said), timeout=1)
        return None if match is None else float(match["value"])


def _compiled(pattern: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}") from None


def _last_line(said: str) -> str:
    return next((line for line in reversed(said.splitlines()) if line.strip()), "")


def open_prompt(name: str) -> JudgePrompt:
    """A prompt of the package by its name (pair, reasoned, score), or a YAML file. UserError where it is neither."""
    own = files("evalkit.judge") / _FOLDER
    known = sorted(path.name.removesuffix(".yaml") for path in own.iterdir() if path.name.endswith(".yaml"))
    path = Path(str(own / f"{name}.yaml")) if name in known else Path(name)
    if not path.is_file():
        raise UserError(f"there is no judge's prompt '{name}'", hint=did_you_mean(name, known), code=Exit.INPUT)
    return recipes.resolve(JudgePrompt, [recipes.from_file(path)]).recipe
