"""A page's bytes before they are scanned: how many tags there may be, whether a formula may be among them."""

from __future__ import annotations

import numpy as np
from numba import njit

from curate.extract.mathml import formulas_to_tex
from curate.extract.winnow.scan import Array


@njit(cache=True)
def survey(data):  # type: ignore[no-untyped-def]
    """How many bytes are `<`, and whether `math` or `atex` (of latex) comes."""
    tags = 0
    for i in range(len(data)):
        tags += data[i] == 60
    # Four views side by side, and truth values instead of numbers: so the compiler takes 64 bytes at a time.
    most = max(0, len(data) - 3)
    first, second, third, fourth = data[:most], data[1 : 1 + most], data[2 : 2 + most], data[3 : 3 + most]
    formulas = False
    for i in range(most):
        formulas |= (first[i] == 109) & (second[i] == 97) & (third[i] == 116) & (fourth[i] == 104)
        formulas |= (first[i] == 97) & (second[i] == 116) & (third[i] == 101) & (fourth[i] == 120)
    return tags, formulas


def bytes_of_page(page: bytes, *, formulas: bool = False) -> tuple[Array, bool]:
    """uint8 of a page of UTF-8 without NULs, with its formulas as TeX; and whether `<div/>` is an empty element."""
    if b"\0" in page:
        page = page.replace(b"\0", b"")
    if formulas:
        page = formulas_to_tex(page.decode()).encode()
    return np.frombuffer(page, np.uint8), page[:100].lstrip().startswith(b"<?xml")
