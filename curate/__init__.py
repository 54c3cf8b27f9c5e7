"""Turns crawls into datasets: read, extract, identify the language, edit, measure, decide."""

import hashlib
import os
from pathlib import Path


def _kernel_cache() -> None:
    """Gives compiled kernels a cache of their own for every state of the sources, before numba is imported.

    Numba compiles a kernel again only when its own file has another date or size; a change in a function that it calls
    from another file goes unnoticed, as does an upgrade whose files keep their dates. Old machine code would then give
    wrong measures without a word.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises
    os.environ["NUMBA_CACHE_DIR"] = os.path.join(base, "winnow", "kernels", digest.hexdigest())  # noqa: PTH118


_kernel_cache()
