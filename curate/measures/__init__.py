"""Measures: every number a rule can read, computed by kernels over the shared segments of a batch."""

from curate.measures.batch import Batch
from curate.measures.corpus import BUCKETS, cross_entropy, length_rank, unigram_counts
from curate.measures.lists import Lists, load_lists
from curate.measures.measurer import Measurer, measure
from curate.measures.registry import REGISTRY, Measure

__all__ = [
    "BUCKETS",
    "REGISTRY",
    "Batch",
    "Lists",
    "Measure",
    "Measurer",
    "cross_entropy",
    "length_rank",
    "load_lists",
    "measure",
    "unigram_counts",
]
