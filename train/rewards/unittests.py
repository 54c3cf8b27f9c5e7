"""Unit tests of code that a model wrote, in a killable child without network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import regex

from train.rewards.settings import UnitTests
from train.rewards.types import Prompt, PromptError, Scores, key
from workbench.sandbox import Child, Limits, Request

_FENCE = regex.compile(r"```(?:[Pp]ython|py)?[ \t]*\n(.*?)(?:\n```|\Z)", regex.DOTALL)


class TestsReward:
    """The share of a prompt's tests that a response's code passes."""

    __test__ = False  # the name is no test of ours

    def __init__(self, name: str, digest: str, settings: UnitTests, tests: Mapping[str, Sequence[str]]) -> None:
        self.name, self.digest, self._settings, self._tests = name, digest, settings, tests
        wall = settings.wall_s + 30.0  # the runner in the child gives up before the child is killed
        limits = Limits(wall_s=wall, cpu_s=wall, memory_mb=settings.memory_mb)
        self._child = Child("train.rewards.runner:runner", limits)

    def __call__(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores:
        """Scores from 0 to 1; PromptError for a prompt without tests."""
        limits = {"cpu_s": self._settings.cpu_s, "wall_s": self._settings.wall_s}
        requests = []
        counts = []
        for place, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            tests = self._tests.get(key(prompt))
            if tests is None:
                raise PromptError(place, f"{self._settings.tests} holds no tests of the prompt")
            counts.append(len(tests))
            work = {"code": code_of(response), "tests": list(tests), **limits}
            requests.append(Request({}, json.dumps(work).encode()))
        replies = self._child.run(requests)
        passed = [
            min(reply.header.get("passed", 0), most) if reply.error is None else 0
            for reply, most in zip(replies, counts, strict=True)
        ]
        shares = np.array(passed, np.float64) / np.array(counts, np.float64)
        return Scores(np.floor(shares) if self._settings.need_all else shares, {})

    def close(self) -> None:
        """End the child."""
        self._child.close()


def code_of(response: str) -> str:
    """The Python code of a response: its fenced blocks, else all of it."""
    blocks = _FENCE.findall(response)
    return "\n\n".join(blocks) if blocks else response
