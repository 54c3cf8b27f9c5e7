"""Contamination: which documents hold benchmark items, by published rules and by one of our own.

`match` is the engine (texts in, arrays out); `items` reads benchmarks, `variants` the rules; `scan`, `child` and
`remove` apply them to a run.
"""
