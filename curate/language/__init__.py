"""Language of a text, offline: the built-in model, or any fastText model by path; score and runner-up are kept."""

from curate.language.identifier import Identifier, Language, identifier

__all__ = ["Identifier", "Language", "identifier"]
