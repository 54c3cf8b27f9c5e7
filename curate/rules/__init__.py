"""Rules as data: profiles of measure, comparison and threshold, and their evaluation over a table of measures."""

from curate.rules.evaluate import Verdicts, applies, broken, columns, evaluate, margins, require
from curate.rules.load import load_profile, override, profile_names
from curate.rules.model import OFF, Profile, Rule, When

__all__ = [
    "OFF",
    "Profile",
    "Rule",
    "Verdicts",
    "When",
    "applies",
    "broken",
    "columns",
    "evaluate",
    "load_profile",
    "margins",
    "override",
    "profile_names",
    "require",
]
