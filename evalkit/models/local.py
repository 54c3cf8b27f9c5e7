"""Models of `train` and Llamas of Hugging Face, computed here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.likelihood.encode import Coder
from evalkit.likelihood.engine import Engine, reads
from evalkit.models.computed import Computed, tell
from evalkit.models.types import Decoding, Generated, Listener, Prompt
from train.data.chat import Format, Template
from train.data.foreign import Foreign
from train.generate import Sampler
from train.open import Opened
from train.sampler import Params

_ROWS = 64


class Local(Computed):
    """A model on this machine. See `evalkit.models.types.Model`.

    bos: whether texts begin with the begin-of-text token (None: as the tokenizer's own files say, see `Coder`).
    batch: sequences at a time.
    """

    def __init__(
        self, name: str, opened: Opened, *, precision: str, bos: bool | None = None, batch: int | None = None
    ) -> None:
        coder, engine = Coder(opened.tokenizer, bos), Engine(reads(opened.model), batch=batch)
        super().__init__(coder, engine, opened.config.max_positions)
        self.name = name
        self.opened = opened
        self.can = frozenset({"loglikelihood", "rolling", "moments", "generate"} | ({"chat"} if opened.form else set()))
        self._rows = batch or _ROWS
        named = {
            "backend": "winnow/1",
            "weights": opened.digest,
            "tokenizer": opened.tokenizer.digest,
            "precision": precision,
            "device": engine.reads.device.type,
            "frame": [coder.before, coder.after, coder.prefix],
            "ends": sorted(opened.end_ids),
            "template": _described(opened.form),
            "context": self.context,
        }
        self.digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]:
        """Prompts of like length together. What is too long is cut at its beginning: `max_new` tokens have room, or
        half of the context where that is less."""
        ids = [self.prompt_ids(prompt) for prompt in prompts]
        chats = any(not isinstance(prompt.said, str) for prompt in prompts)
        ends = self.opened.chat_ends() if chats else ()
        params = Params(
            decoding.max_new, decoding.temperature, top_p=decoding.top_p, stop=decoding.stop, stop_ids=tuple(ends)
        )
        sampler = Sampler(self.opened.model, self.opened.tokenizer, end_ids=self.opened.end_ids, rows=self._rows)
        room = max(sampler.context - decoding.max_new, sampler.context // 2)
        done = 0
        for number in [number for number in range(len(prompts)) if not ids[number]]:
            yield number, [Generated("", "", 0, error="the prompt is empty")] * decoding.n
        order = sorted((number for number in range(len(prompts)) if ids[number]), key=lambda number: len(ids[number]))
        step = max(self._rows // decoding.n, 1)
        for some in (order[begin : begin + step] for begin in range(0, len(order), step)):
            fitted = [ids[number][-room:] for number in some]
            found = sampler.generate(fitted, params, seed=seed, n=decoding.n)
            self._read += sum(map(len, fitted))
            self._written += sum(len(one.ids) for one in found)
            done += len(some)
            for place, number in enumerate(some):
                answers = found[place * decoding.n : (place + 1) * decoding.n]
                cut = max(len(ids[number]) - room, 0)
                yield number, [Generated(one.text, one.reason, len(one.ids), cut) for one in answers]
            tell(listener, "generating", done, len(order))

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """The tokens of a text, or of a conversation up to the next answer."""
        if isinstance(prompt.said, str):
            return self._coder.encode([prompt.said])[0]
        return self.opened.chat_prompt(prompt.said)


def _described(form: Format | None) -> Any:
    if isinstance(form, Template):
        return form.model_dump(mode="json")
    return form.source if isinstance(form, Foreign) else None
