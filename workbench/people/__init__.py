"""What people decide about runs: votes on pairs, labels on documents, notes. Runs are immutable; this is what changes.

with People(root) as people:
    people.vote(Vote("arena-1", "pair-7", "rater-1", "a", seconds=4.2))
    people.votes("arena-1")

One SQLite file under the workspace, in WAL mode, so that a dashboard writes while jobs read. A vote that `vote` has
returned from is on the disk.
"""

from workbench.people.store import FILE, Label, Note, People, Vote, jsonl

__all__ = ["FILE", "Label", "Note", "People", "Vote", "jsonl"]
