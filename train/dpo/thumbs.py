"""Responses with a thumb up or down, as KTO reads them."""

from __future__ import annotations

import numpy as np

from train.data.packing import Ints
from train.data.rows import permutation
from train.preferences.rows import Responses, Sequenced
from workbench.errors import Exit, UserError


def thumbs(table: Responses, width: int, seed: int) -> tuple[Responses, Ints]:
    """Of each response with a thumb: itself, and behind its prompt a response to another one; and its comparison.

    The other response is that of the next thumb in an order drawn from the seed, cut where the row ends; it has no
    thumb, and is there to measure how far the policy went from the reference (Ethayarajh et al. 2024, section 4.1).
    Raises UserError where fewer than two prompts have a thumb.
    """
    asked = [
        (int(comparison), int(response))
        for comparison in range(len(table))
        for response in range(*table.first[comparison : comparison + 2])
        if not np.isnan(table.wanted[response])
    ]
    if len({comparison for comparison, _ in asked}) < 2:
        hint = "rows need `label`: true or false"
        raise UserError("fewer than two prompts have a thumb up or down", hint=hint, code=Exit.INPUT)
    order = permutation(len(asked), f"{seed}:thumbs").tolist()
    following = dict(zip(order, [*order[1:], order[0]], strict=True))
    responses, names, wanted = [], [], []
    for number, (comparison, response) in enumerate(asked):
        other = following[number]
        while asked[other][0] == comparison:
            other = following[other]
        own, before = table.ids(response), int(table.prompts[response])
        foreign = table.ids(asked[other][1])[int(table.prompts[asked[other][1]]) :]
        mixed = np.concatenate([own[:before], foreign])[:width]
        responses.append([Sequenced(own.tolist(), before), Sequenced(mixed.tolist(), before)])
        names.append(table.names[comparison])
        wanted.append([float(table.wanted[response]), None])
    owners = np.array([comparison for comparison, _ in asked], np.int64)
    return Responses(names, responses, [[] for _ in names], wanted), owners
