"""How a text longer than a model's context is read."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.likelihood.plan import Sought


def windows(ids: Sequence[int], positions: int, stride: int | None = None, *, fill: bool = True) -> list[Sought]:
    """The windows in which every token but the first is sought once, in order.

    The first window is full, and so is every later one: `stride` new tokens (the last may have fewer) behind as many
    as there is room for. stride=None: as many new ones as there are positions, which is lm-eval's rolling form
    (`get_rolling_token_windows` with context_len=1; ids[0] is its prefix token). fill=False: the last window begins a
    stride after the one before, so that a short one sees less (Oren et al.'s `compute_logprob_of_token_sequence`).
    """
    last = len(ids) - 1
    found = [Sought(ids[: positions + 1], min(positions, last))] if last > 0 else []
    done = positions
    while done < last:
        end = min(done + (stride or positions), last)
        begin = end - positions if fill else done + (stride or positions) - positions
        found.append(Sought(ids[begin : end + 1], end - done))
        done = end
    return found
