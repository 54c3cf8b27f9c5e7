"""Text segmentation: exact, fast views of a batch of documents as spans over code points."""

from curate.segment.decode import Texts, decode
from curate.segment.hashing import span_ids
from curate.segment.lines import lines, lines_nonempty_runs, nonempty, paragraphs, splitlines, stripped
from curate.segment.segments import Segments
from curate.segment.sentences import sentences
from curate.segment.spacy_sentences import sentence_counts_spacy, sentences_spacy
from curate.segment.spacy_words import words_spacy
from curate.segment.tables import Classes, classes
from curate.segment.types import Spans, Text, Words, surfaces
from curate.segment.uax29 import words_uax29
from curate.segment.words import lower_ids, word_id, words_space

__all__ = [
    "Classes",
    "Segments",
    "Spans",
    "Text",
    "Texts",
    "Words",
    "classes",
    "decode",
    "lines",
    "lines_nonempty_runs",
    "lower_ids",
    "nonempty",
    "paragraphs",
    "sentence_counts_spacy",
    "sentences",
    "sentences_spacy",
    "span_ids",
    "splitlines",
    "stripped",
    "surfaces",
    "word_id",
    "words_space",
    "words_spacy",
    "words_uax29",
]
