"""How the kernels are compiled."""

from collections.abc import Callable
from typing import TypeVar

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])

# For functions that kernels call in their inner loops: they neither allocate nor keep an array, so numba need not count
# references for them. Counting is atomic, twice per array and call, and took more time than the work itself.
helper: Callable[[_Function], _Function] = njit(cache=True, _nrt=False)  # type: ignore[call-overload]
