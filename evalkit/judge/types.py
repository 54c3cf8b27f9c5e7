"""What a judge is asked and what it says, whoever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from workbench.endpoints import Forecast
from workbench.events import Listener


@dataclass(frozen=True, slots=True)
class Duel:
    """Two answers to one instruction, in the order in which the judge sees them."""

    instruction: str
    first: str
    second: str

    def turned(self) -> Duel:
        """The same answers in the other order."""
        return Duel(self.instruction, self.second, self.first)


class Verdict(NamedTuple):
    """share: how sure the judge is that the second answer is the better one, 0 to 1 (0.5: a tie).

    said: what the judge wrote, where it writes. error: why there is no share (the share then means nothing).
    """

    share: float
    said: str = ""
    error: str | None = None


class Judge(Protocol):
    """Whoever judges.

    digest: of all that decides a verdict besides the duel. ordered: whether the order of the answers can matter; where
    it cannot, one order is asked.
    """

    name: str
    digest: str
    ordered: bool

    def judge(self, duels: Sequence[Duel], *, listener: Listener | None = None) -> list[Verdict]:
        """A verdict for every duel. A duel that fails has an error; what makes all of them fail is a UserError."""
        ...

    def forecast(self, duels: Sequence[Duel]) -> Forecast:
        """What judging them would cost at most."""
        ...

    def account(self) -> Mapping[str, Any]:
        """What was asked, and what it cost so far."""
        ...

    def close(self) -> None: ...
