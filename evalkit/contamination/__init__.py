"""Has a model read what it is asked? Known training data, the order of a file, membership scores, planted items."""
