"""Comparing a place in the text with a fixed word, inside kernels."""

from curate.segment.kernels import helper


@helper
def starts_with(codes, at, stop, word):  # type: ignore[no-untyped-def]  # a kernel inlined into kernels
    """Whether `codes[at:stop]` begins with `word`, an array or a tuple of code points."""
    if at + len(word) > stop:
        return False
    for k in range(len(word)):  # noqa: SIM110  # `all` over a generator does not compile
        if codes[at + k] != word[k]:
            return False
    return True
