"""What a run asks of its trained models and its tokenizer, batch by batch: finds to mask, sentences to cut, scores."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from curate.classify.model import Model
from curate.edits.edit import Edited, Tags
from curate.edits.pii.kinds import Find
from curate.measures import Batch
from curate.measures.plugins import TYPES
from curate.recipe import Settings
from curate.tokens import COLUMN, DIGEST, Counter


class Models:
    """The models and the tokenizer of one worker; where the recipe names none, nothing is loaded and nothing done.

    Raises UserError (exit 4) for one that is not what the settings say.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._classifier = self._tagger = self._counter = None
        if any(True for _ in settings.classify.named()):
            from curate.classify import opened

            self._classifier, self._tagger = opened.load(settings.classify, settings.digests)
        if settings.tokenizer is not None:
            self._counter = Counter(Path(settings.tokenizer), settings.digests[DIGEST])

    def tags(self, extracted: Batch) -> Tags | None:
        """What the tagger finds in the extracted texts."""
        if self._tagger is None:
            return None
        found: dict[int, list[Find]] = {}
        for hit in self._tagger.find(extracted, self._settings.edits.tagged.min_score):
            value = " ".join(extracted.texts[hit.doc][hit.start : hit.end].casefold().split())
            found.setdefault(hit.doc, []).append(Find(hit.start, hit.end, hit.kind, value))
        return Tags(self._tagger.kinds, found)

    def without_harm(self, edited: Edited, batch: Batch) -> Edited:
        """The edited texts, which are those of the batch, without the sentences that the recipe wants cut."""
        config = self._settings.edits.harm
        if not config.name:
            return edited
        from curate.classify import cut

        assert self._classifier is not None, "the recipe was checked"
        known: dict[str, Model] = {name: self._classifier.models["harm"][name] for name in config.name}
        return cut.without(edited, cut.harmful(batch, known, config.min_score), config.name)

    def measures(self, batch: Batch) -> pl.DataFrame:
        """Scores, domains and tokens of the texts that the run stores."""
        columns: list[pl.Series] = []
        if self._classifier is not None:
            found = self._classifier.measures(batch)
            for measure in self._classifier.declared:  # the type is said: an empty batch has none of its own
                columns.append(pl.Series(measure.name, found[measure.name].tolist(), dtype=TYPES[measure.dtype]))
        if self._counter is not None:
            columns.append(pl.Series(COLUMN, self._counter.count(batch.texts), dtype=pl.Int64))
        return pl.DataFrame(columns)
