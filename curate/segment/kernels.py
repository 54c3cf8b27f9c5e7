"""How the kernels are compiled.

numba keeps compiled kernels beside the source and looks at the date of a kernel's own file only: after a change to a
file of helpers, delete the `__pycache__` of the files that call them.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])

# For functions that kernels call in their inner loops: they neither allocate nor keep an array, so numba need not count
# references for them. Counting is atomic, twice per array and call, and took more time than the work itself.
helper: Callable[[_Function], _Function] = njit(cache=True, _nrt=False)  # type: ignore[call-overload]


@njit(cache=True)
def longer(array):  # type: ignore[no-untyped-def]
    """A copy of twice the length, where a kernel ran out of room."""
    out = np.empty(2 * len(array), dtype=array.dtype)
    for i in range(len(array)):
        out[i] = array[i]
    return out
