"""The main text of HTML pages, by one of three engines in a child process that may die without loss.

    with Extractor("winnow") as extractor:
        for page in extractor.extract([(html, url), ...]): page.text, page.title, page.error

All engines keep paragraphs, lists, tables, code and formulas readable. A page that hangs, crashes the library or
exceeds a limit is tried once more alone with ten times the time, then comes back with an error and no text.
"""

from curate.extract.engines import ENGINES
from curate.extract.extractor import Extracted, Extractor, Limits

__all__ = ["ENGINES", "Extracted", "Extractor", "Limits"]
