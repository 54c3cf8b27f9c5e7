"""What an evaluation will take, before it begins: tokens, time, money."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from evalkit.models.endpoint import Served
from evalkit.models.types import Asking, Decoding, Forecast, Model, Pair, Windows
from evalkit.run.ask import Asker, units
from evalkit.run.keys import Continued, Read, Request
from evalkit.run.make import Evaluation
from evalkit.run.plan import Planned
from evalkit.run.store import SHARED, Store

_PROBE = 32  # requests, at most a unit


class Expected(NamedTuple):
    """What a task will take. requests: distinct ones. known: of them answered already. tokens, new, cost: as
    `evalkit.models.types.Forecast` has them, of the others."""

    label: str
    items: int
    requests: int
    known: int
    tokens: int
    new: int
    cost: float
    estimated: bool


def expected(asked: Evaluation, root: Path) -> list[Expected]:
    """By task; a request that an earlier task makes too counts there."""
    path = root / SHARED
    store = Store(path) if path.exists() else None
    seen: set[Request] = set()
    found = []
    try:
        asker = None if store is None else Asker(asked.model, store)
        for one in asked.planned:
            fresh = [request for request in dict.fromkeys(one.requests()) if request not in seen]
            seen.update(fresh)
            missing = [request for request in fresh if asker is None or not asker.is_known(request)]
            parts = [_forecast(asked.model, unit) for unit in units(missing)]
            found.append(
                Expected(
                    one.task.label,
                    len(one.items),
                    len(fresh),
                    len(fresh) - len(missing),
                    sum(part.tokens for part in parts),
                    sum(part.new for part in parts),
                    sum(part.cost for part in parts),
                    any(part.estimated for part in parts),
                )
            )
    finally:
        if store is not None:
            store.close()
    return found


def total(parts: list[Expected]) -> Expected:
    """All tasks together."""
    return Expected(
        "all",
        sum(one.items for one in parts),
        sum(one.requests for one in parts),
        sum(one.known for one in parts),
        sum(one.tokens for one in parts),
        sum(one.new for one in parts),
        sum(one.cost for one in parts),
        any(one.estimated for one in parts),
    )


def _forecast(model: Model, unit: list[Request]) -> Forecast:
    pairs = [request for request in unit if isinstance(request, Pair)]
    said = [request for request in unit if isinstance(request, Continued)]
    read = [request for request in unit if isinstance(request, Read)]
    return model.forecast(
        Asking(
            pairs,
            [request.prompt for request in said],
            said[0].decoding if said else Decoding(),
            [request.text for request in read],
            read[0].windows if read else Windows(),
        )
    )


def seconds_a_token(model: Model, planned: list[Planned]) -> float | None:
    """From a few requests of the first task that scores texts; None where none does, and of a server, whose answers
    may cost money. The answers are thrown away."""
    if isinstance(model, Served):
        return None
    for one in planned:
        pairs = [request for request in one.requests() if isinstance(request, Pair)][:_PROBE]
        if pairs:
            tokens = model.forecast(Asking(pairs)).tokens
            for _ in model.loglikelihoods(pairs[:4]):  # what is only made once is not the speed
                pass
            began = time.monotonic()
            for _ in model.loglikelihoods(pairs):
                pass
            return (time.monotonic() - began) / max(tokens, 1)
    return None
