"""The small index that `curate run` leaves beside each run: a sample, so that it costs little beside the run itself."""

from __future__ import annotations

from curate.ask.finished import FinishedRun
from curate.search.index import SAMPLE, Built, build
from curate.search.place import index_path, locate
from workbench.errors import UserError
from workbench.events import Listener

LEAST = 500
SHARE = 10  # one text in so many, above that


def index_sample(run: FinishedRun, *, seed: int, listener: Listener) -> Built | None:
    """Indexes a tenth of the run's texts, at least 500 and at most 100,000; None where an index of the run is there.

    Raises UserError where it cannot be written.
    """
    try:
        locate(run.path)
    except UserError:  # none, or that of an earlier run in this place
        manifest = run.run.manifest
        assert manifest is not None
        texts = sum(file.rows or 0 for file in manifest.outputs if file.path.split("/")[0] in ("documents", "dropped"))
        sample = min(SAMPLE, max(LEAST, texts // SHARE))
        return build(run, index_path(run.path), sample=sample, seed=seed, listener=listener)
    return None
