"""Which phrases ring which bell: one automaton for the line rules, the citation marks and the personal data."""

from __future__ import annotations

from enum import IntEnum
from functools import cache

from curate.edits.automaton import Automaton, build
from curate.edits.phrases import phrases, table


class Bell(IntEnum):
    """Bit numbers of the automaton; the national ids follow from `FIRST_ID` on, in the order of their table."""

    JAVASCRIPT = 0
    POLICY = 1
    NAVIGATION = 2
    TAIL = 3
    COUNTER = 4
    CITATION = 5
    AT = 6
    SPELT_AT = 7
    SECRET = 8
    PEM = 9
    SSN = 10
    FIRST_ID = 11


# "john (at) example dot org"; the look-around is left to the pattern of the e-mail family.
SPELT_AT = ("(at)", "[at]", "{at}", "( at )", "[ at ]", "<at>", " dot ", "(ät)", "(arroba)", "[arroba]")


@cache
def automaton() -> Automaton:
    """The automaton of every phrase, built once per process."""
    notices = table("notices")
    pairs = [
        (notices["javascript"]["triggers"], Bell.JAVASCRIPT),
        (notices["policy"]["triggers"], Bell.POLICY),
        (notices["policy"]["labels"], Bell.POLICY),
        (notices["policy"]["company"], Bell.POLICY),
        (notices["counter"]["nouns"], Bell.COUNTER),
        (notices["navigation"]["triggers"], Bell.NAVIGATION),
        (notices["navigation"]["tails"]["triggers"], Bell.TAIL),
    ]
    rung = [(phrase, int(bell)) for block, bell in pairs for phrase in phrases(block)]
    rung += [("[", Bell.CITATION), ("@", Bell.AT), ("-----begin", Bell.PEM)]
    rung += [(phrase, Bell.SPELT_AT) for phrase in SPELT_AT]
    rung += [(secret["prefix"], Bell.SECRET) for secret in table("secrets")["secrets"]]
    identities = table("national_ids")
    rung += [(phrase, Bell.SSN) for phrase in phrases(identities["us_ssn"]["context"])]
    for number, identity in enumerate(identities["national_ids"], Bell.FIRST_ID):
        rung += [(phrase, number) for phrase in phrases(identity["context"])]
    return build(rung)
