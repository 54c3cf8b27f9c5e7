"""Language of a text, offline: the built-in model, or any fastText model by path; score and runner-up are kept."""

from curate.language.answer import Identifier, Language
from curate.language.identifier import identifier, model_digest

__all__ = ["Identifier", "Language", "identifier", "model_digest"]
