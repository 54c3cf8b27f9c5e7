"""What a model is asked about a batch of rows: critiques and revisions, or which of two answers is better."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import xxhash

from train.ask import Asked, How, Said, Voice, check_any
from train.feedback.constitution import Constitution, Principle
from train.rewards.judge import ask
from train.rewards.types import Prompt, whole_text

FAILED, CUT, EMPTY = "a request failed", "cut off", "nothing was said"
SAME, UNDECIDED = "an answer is there twice", "no choice"


class Row(NamedTuple):
    """A prompt by its row's name, and the answers that are there already."""

    name: str
    prompt: Prompt
    responses: list[str]


@dataclass(frozen=True)
class Work:
    """Who answers, who judges, and by what."""

    policy: Voice
    voice: Voice
    constitution: Constitution
    how: How
    rounds: int
    responses: int
    seed: int

    def revise(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """One record a row: prompt, response (the last revision), original and steps; or prompt and `dropped`."""
        said = self._answers(rows, 1)
        found: list[dict[str, Any]] = []
        for row, (answer, *_) in zip(rows, said, strict=True):
            record: dict[str, Any] = {
                "id": row.name,
                "prompt": row.prompt,
                "original": answer.text,
                "response": answer.text,
                "steps": [],
            }
            found.append(record | _dropped(answer))
        for turn in range(self.rounds):
            going = [record for record in found if "dropped" not in record]
            if not going:
                break
            principles = [self._draw(f"revise:{turn}:{record['id']}") for record in going]
            critiques = self._say(
                [
                    self._fill(self.constitution.critique, record, principle.critique)
                    for record, principle in zip(going, principles, strict=True)
                ],
                f"critique:{turn}",
            )
            asked = [
                self._fill(self.constitution.revision, record, principle.revise, critique.text.strip())
                for record, principle, critique in zip(going, principles, critiques, strict=True)
            ]
            revisions = self._say(asked, f"revision:{turn}")
            for record, principle, critique, revision in zip(going, principles, critiques, revisions, strict=True):
                record |= _dropped(critique, whole=False) | _dropped(revision)
                step = {"principle": principle.name, "critique": critique.text, "revision": revision.text}
                record["steps"].append(step)
                record["response"] = revision.text.strip()
        return found

    def prefer(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """One record for each pair of a row's answers: a, b, principle, and the probability that a is better as asked
        with a first (`ab`) and with b first (`ba`); or `dropped`. An answer that cannot be used is a record of its
        own, and in no pair."""
        said = self._answers(rows, self.responses)
        found: list[dict[str, Any]] = []
        for row, answers in zip(rows, said, strict=True):
            distinct: dict[str, int] = {}
            for number, answer in enumerate(answers):
                why = _dropped(answer) or ({"dropped": SAME} if answer.text.strip() in distinct else {})
                if why:
                    found.append({"id": f"{row.name}:{number}", "prompt": row.prompt, "text": answer.text} | why)
                else:
                    distinct[answer.text.strip()] = number
            for (first, i), (second, j) in itertools.combinations(distinct.items(), 2):
                name = f"{row.name}:{i}:{j}"
                principle = self._draw(f"prefer:{name}").name
                found.append({"id": name, "prompt": row.prompt, "a": first, "b": second, "principle": principle})
        going = [record for record in found if "dropped" not in record]
        texts = {principle.name: principle.prefer for principle in self.constitution.principles}
        asked = [self._pair(record, "a", "b", texts) for record in going]
        asked += [self._pair(record, "b", "a", texts) for record in going]
        options = ("A", "B") if self.voice.chat else (" A", " B")
        chosen = self.voice.choose(asked, options) if asked else []
        for record, ab, ba in zip(going, chosen[: len(going)], chosen[len(going) :], strict=True):
            if ab.error is not None or ba.error is not None:
                record["dropped"] = UNDECIDED
            else:
                record["ab"], record["ba"] = ab.shares[0], ba.shares[1]
        return found

    def first_requests(self, rows: Sequence[Row], make: str) -> list[str]:
        """What the judge is asked about rows at most, with answers as long as they may be; for a forecast."""
        longest = "x" * (4 * self.how.max_new)
        principle = self.constitution.principles[0]
        found = []
        for row in rows:
            record: dict[str, Any] = {"prompt": row.prompt, "response": row.responses[0] if row.responses else longest}
            if make == "revisions":
                found += [self._fill(self.constitution.critique, record, principle.critique)] * self.rounds
                found += [self._fill(self.constitution.revision, record, principle.revise, longest)] * self.rounds
                continue
            answers = row.responses if len(row.responses) > 1 else [longest] * self.responses
            for first, second in itertools.combinations(answers, 2):
                both = {"prompt": row.prompt, "a": first, "b": second, "principle": principle.name}
                found += [self._pair(both, "a", "b", {principle.name: principle.prefer})] * 2
        return found

    def _answers(self, rows: Sequence[Row], number: int) -> list[list[Said]]:
        """The answers of each row: those it has, where there are as many as are needed (for one: the first), else
        `number` that the policy gives."""
        found = [[Said(text) for text in (row.responses[:1] if number == 1 else row.responses)] for row in rows]
        lacking = [place for place, answers in enumerate(found) if len(answers) < min(number, 2)]
        asked: list[Asked] = [rows[place].prompt for place in lacking for _ in range(number)]
        if asked:
            said = self._say(asked, "answer", self.policy)
            for place, at in zip(lacking, range(0, len(said), number), strict=True):
                found[place] = [one._replace(text=one.text.strip()) for one in said[at : at + number]]
        return found

    def _say(self, asked: Sequence[Asked], name: str, voice: Voice | None = None) -> list[Said]:
        voice = voice or self.voice
        said = voice.say(asked, self.how, seed=xxhash.xxh3_64_intdigest(name.encode(), seed=self.seed % 2**64) >> 33)
        check_any(voice.name, [one.error for one in said])
        return said

    def _draw(self, name: str) -> Principle:
        number = xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass"), seed=self.seed % 2**64)
        return self.constitution.principles[number % len(self.constitution.principles)]

    def _fill(self, template: str, record: dict[str, Any], principle: str, critique: str = "") -> str:
        texts = {"prompt": whole_text(record["prompt"]), "response": record["response"], "critique": critique}
        return ask(template, texts, {"principle": principle})

    def _pair(self, record: dict[str, Any], first: str, second: str, texts: dict[str, str]) -> str:
        values = {"prompt": whole_text(record["prompt"]), "a": record[first], "b": record[second]}
        return ask(self.constitution.preference, values, {"principle": texts[record["principle"]]})


def _dropped(said: Said, *, whole: bool = True) -> dict[str, str]:
    """Why a text cannot be used, where it cannot; half a critique still says something."""
    if said.error is not None:
        return {"dropped": FAILED}
    if not said.text.strip():
        return {"dropped": EMPTY}
    return {"dropped": CUT} if whole and said.reason == "length" else {}
