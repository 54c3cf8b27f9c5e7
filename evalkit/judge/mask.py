"""Taking out what tells a judge who wrote an answer: names by which assistants introduce themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import regex

from evalkit.judge.types import Duel

MASK = "[assistant]"

# Only in sentences about the speaker: an essay on a company or a poem by a person of that name stays as it is.
_SPEAKER = regex.compile(
    r"(?i)\b(?:i am|i'm|i’m|my name is|as an?|this is|call me|i was|trained by|developed by|created by|made by|"
    r"built by)\b"
)
_NAMES = regex.compile(
    r"(?i)\b(?:chat-?gpt|gpt-?\d[\w.-]*|openai|claude(?:[ -][\w.]+)?|anthropic|gemini|bard|deepmind|google|"
    r"llama[\w.-]*|meta ai|mistral(?: ai)?|mixtral|vicuna|alpaca|koala|falcon|qwen[\w.]*|alibaba(?: cloud)?|"
    r"tongyi|deepseek|"
    r"grok|x\.?ai|command[ -]r\+?|cohere|phi-?\d[\w.-]*|microsoft|copilot|ernie|baidu|yi-[\w.-]+|01\.?ai|chatglm\d*|"
    r"zhipu|internlm|baichuan|dolly|databricks|dbrx|stablelm|stability ai|oasst|open ?assistant|lmsys|tulu|olmo)\b"
)
_SENTENCE = regex.compile(r"[^.!?\n]+[.!?]*|\n|[.!?]+")


class Mask:
    """Takes out the names of `models` and of known assistants; without `active` it leaves everything as it is."""

    def __init__(self, models: Sequence[str] = (), *, active: bool = True) -> None:
        self.models, self.active = tuple(sorted({*models})), active

    @property
    def digest(self) -> str:
        """Of what it takes out."""
        return repr((1, self.models)) if self.active else ""

    def __call__(self, duel: Duel) -> Duel:
        """The duel as a judge is to see it; the instruction stays as it was given."""
        return Duel(duel.instruction, self.count(duel.first)[0], self.count(duel.second)[0])

    def count(self, text: str) -> tuple[str, int]:
        """The text without names, and how many were taken out."""
        return masked(text, self.models) if self.active else (text, 0)


def masked(text: str, names: Iterable[str] = ()) -> tuple[str, int]:
    """The text without its writer's names, and how many were taken out.

    names: of the models that are compared; they go wherever they stand. Names of known models and their makers go in
    sentences in which a speaker speaks of itself.
    """
    count = 0
    own = [regex.escape(name) for name in sorted({*names}, key=lambda name: (-len(name), name)) if len(name) > 2]
    if own:
        text, count = regex.subn(rf"(?i)(?<!\w)(?:{'|'.join(own)})(?!\w)", MASK, text)

    def sentence(match: regex.Match[str]) -> str:
        nonlocal count
        said = match[0]
        if not _SPEAKER.search(said):
            return said
        said, more = _NAMES.subn(MASK, said)
        count += more
        return said

    return _SENTENCE.sub(sentence, text), count
