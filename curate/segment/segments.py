"""One batch of texts, segmented once: every view is computed when first asked for and then kept."""

from functools import cached_property

from curate.segment.decode import Texts, decode
from curate.segment.lines import lines, lines_nonempty_runs, paragraphs, splitlines
from curate.segment.sentences import sentences
from curate.segment.spacy_sentences import sentence_counts_spacy, sentences_spacy
from curate.segment.spacy_words import words_spacy
from curate.segment.types import Counts, Ids, Spans, Text, Words
from curate.segment.uax29 import words_uax29
from curate.segment.words import lower_ids, words_space


class Segments:
    """Lazily computed, cached views of one batch; one object is handed to all measures."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._lower_ids: dict[str, Ids] = {}

    @cached_property
    def text(self) -> Text:
        """The code points."""
        return decode(self._texts)

    @cached_property
    def lines(self) -> Spans:
        r"""`text.split("\n")`."""
        return lines(self.text)

    @cached_property
    def lines_nonempty_runs(self) -> Spans:
        r"""`re.split("\n+", text)`."""
        return lines_nonempty_runs(self.text)

    @cached_property
    def splitlines(self) -> Spans:
        """`text.splitlines()`."""
        return splitlines(self.text)

    @cached_property
    def paragraphs(self) -> Spans:
        r"""`re.split("\n{2,}", text.strip())`."""
        return paragraphs(self.text)

    @cached_property
    def words_space(self) -> Words:
        """`text.split()`."""
        return words_space(self.text)

    @cached_property
    def words_spacy(self) -> Words:
        """The words of spaCy's blank English tokenizer, as datatrove 0.10 takes them."""
        return words_spacy(self.text)

    @cached_property
    def words_uax29(self) -> Words:
        """Words by Unicode's word boundaries that hold a letter or a number."""
        return words_uax29(self.text)

    @cached_property
    def sentences(self) -> Spans:
        """Sentences of any script, stripped, blank ones left out."""
        return sentences(self.text)

    @cached_property
    def sentences_spacy(self) -> Spans:
        """The sentences of spaCy's sentencizer, stripped, blank ones left out."""
        return sentences_spacy(self.text, self.words_spacy)

    def sentence_counts_spacy(self, spans: Spans) -> Counts:
        """Number of spaCy's sentences in each span as a text of its own (see `sentence_counts_spacy`), int64[spans]."""
        return sentence_counts_spacy(self.text, self.words_spacy, spans)

    def lower_ids(self, view: str) -> Ids:
        """Ids of the lower-cased words of a view (`"words_space"`, `"words_spacy"`, `"words_uax29"`), uint64[words]."""
        if view not in self._lower_ids:
            self._lower_ids[view] = lower_ids(self.text, getattr(self, view))
        return self._lower_ids[view]
