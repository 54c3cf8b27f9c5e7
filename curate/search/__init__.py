"""Full-text search: an index of a run's texts in a file beside it, asked in words and ranked by BM25."""
