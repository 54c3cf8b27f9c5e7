"""Language identification by a fastText model of the user's: lid.176, GlotLID, or any other that labels languages."""

from __future__ import annotations

from curate.language.answer import NONE, Language, has_letters, prefix
from curate.language.codes import short_code
from workbench.errors import Exit, UserError

PREFIX_CHARS = 3000
_LABEL = "__label__"


class FastText:
    """A supervised fastText model; its labels (`__label__en`, `__label__eng_Latn`) become ISO 639 codes."""

    def __init__(self, path: str) -> None:
        try:
            import fasttext
        except ModuleNotFoundError:
            hint = "pip install fasttext-numpy2"  # `predict` of the package called fasttext fails under NumPy 2
            raise UserError("fastText is not installed", hint=hint, code=Exit.MISSING) from None
        try:
            self._model = fasttext.load_model(path)
        except ValueError as error:
            raise UserError(f"no fastText model at {path}: {error}", hint="check the file", code=Exit.INPUT) from None
        self.languages = frozenset(short_code(label.removeprefix(_LABEL)) for label in self._model.get_labels())

    def identify(self, texts: list[str]) -> list[Language]:
        """One answer a text, from its beginning; fastText reads one line, so newlines become spaces."""
        return [self._one(prefix(text, PREFIX_CHARS)) for text in texts]

    def _one(self, text: str) -> Language:
        if not has_letters(text):
            return NONE
        labels, scores = self._model.predict(" ".join(text.split()), k=3)
        # Labels of one language in two scripts are one language here.
        merged: dict[str, float] = {}
        for label, score in zip(labels, scores, strict=True):
            code = short_code(label.removeprefix(_LABEL))
            merged[code] = merged.get(code, 0.0) + min(float(score), 1.0)
        ranked = sorted(merged.items(), key=lambda item: -item[1])
        best, second = (*ranked, (NONE.lang, 0.0))[:2]
        return Language(*best, *second)
