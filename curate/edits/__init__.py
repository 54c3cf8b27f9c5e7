"""Changes of the text, recorded as spans: line rules, citation marks and personal data.

`curate.edits.edit.edit` does the work; what stands here loads nothing heavy.
"""

from curate.edits.config import EditsConfig, HarmCut, LineRules, PiiActions, Tagged
from curate.edits.spans import Before, Cut, Edit, Piece, apply, compose, difference, widened

__all__ = [
    "Before",
    "Cut",
    "Edit",
    "EditsConfig",
    "HarmCut",
    "LineRules",
    "Piece",
    "PiiActions",
    "Tagged",
    "apply",
    "compose",
    "difference",
    "widened",
]
