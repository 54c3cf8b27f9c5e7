"""A conversation in the terminal: turns in, answers as they are written out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from train.generate import Sampler
from train.open import Opened
from train.sampler import Params
from workbench.visible import visible

HELP = "/new starts again, /again answers anew, /help says this, /quit (or the end of input) leaves"
_ROOM = 4  # a quarter of the context is kept free for the answer


@dataclass
class Conversation:
    """What was said, and the model that answers. say: takes text for the reader, piece by piece, made safe to show.

    Every answer is seeded by `seed` and the conversation before it; `again` changes the seed.
    """

    opened: Opened
    params: Params
    say: Callable[[str], None]
    seed: int = 0
    system: str | None = None
    messages: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sampler = Sampler(self.opened.model, self.opened.tokenizer, end_ids=self.opened.end_ids)
        self._params = replace(self.params, stop_ids=(*self.params.stop_ids, *self.opened.chat_ends()))
        self.new()

    def new(self) -> None:
        """Forget what was said."""
        self.messages = [] if self.system is None else [{"role": "system", "content": self.system}]

    def ask(self, text: str) -> str:
        """The answer to a turn of the user; an interrupted one is kept as far as it came."""
        self.messages.append({"role": "user", "content": text})
        return self._reply()

    def again(self) -> str | None:
        """Another answer to the last turn, None where there is none."""
        if not self.messages or self.messages[-1]["role"] != "assistant":
            return None
        self.messages.pop()
        self.seed += 1
        return self._reply()

    def _reply(self) -> str:
        prompt = self._prompt()
        said: list[str] = []
        try:
            for pieces in self._sampler.stream([prompt], self._params, seed=self.seed):
                for piece in pieces:
                    said.append(piece.text)
                    self.say(visible(piece.text, keep="\n\t"))
        except KeyboardInterrupt:
            self.say(" ...")
        self.say("\n")
        answer = "".join(said)
        self.messages.append({"role": "assistant", "content": answer})
        return answer

    def _prompt(self) -> list[int]:
        """The conversation as tokens, without its oldest turns where they leave too little room for an answer."""
        room = self._sampler.context - min(self.params.max_new, self._sampler.context // _ROOM)
        first = 1 if self.system is not None else 0
        forgotten = 0
        while len(prompt := self.opened.chat_prompt(self.messages)) > room and len(self.messages) > first + 2:
            del self.messages[first : first + 2]
            forgotten += 1
        if forgotten:
            self.say(f"(the first {forgotten} of the turns are forgotten: the context is full)\n")
        return prompt


def talk(conversation: Conversation, lines: Iterable[str]) -> None:
    """Answer line by line until the input ends or says /quit."""
    for line in lines:
        text = line.strip()
        if text == "/quit":
            return
        if text == "/new":
            conversation.new()
            conversation.say("(a new conversation)\n")
        elif text == "/again":
            if conversation.again() is None:
                conversation.say("(nothing was answered yet)\n")
        elif text == "/help" or text.startswith("/"):
            conversation.say(HELP + "\n")
        elif text:
            conversation.ask(text)
