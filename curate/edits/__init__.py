"""Changes of the text, recorded as spans: line rules, citation marks and personal data.

`curate.edits.edit.edit` does the work; what stands here loads nothing heavy.
"""

from curate.edits.config import EditsConfig, LineRules, PiiActions
from curate.edits.spans import Cut, Edit, Piece, apply, compose, difference

__all__ = ["Cut", "Edit", "EditsConfig", "LineRules", "Piece", "PiiActions", "apply", "compose", "difference"]
