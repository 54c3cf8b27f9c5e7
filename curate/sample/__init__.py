"""An invented crawl with planted truth: pages written for it, and everything that is wrong with real crawls."""

from curate.sample.build import truth, write_warc
from curate.sample.inputs import register_inputs
from curate.sample.planted import Truth
from curate.sample.score import Miss, Score, score

__all__ = ["Miss", "Score", "Truth", "register_inputs", "score", "truth", "write_warc"]
