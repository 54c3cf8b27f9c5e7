"""Benchmarks: from tasks to requests, from answers to one row an item, and the summary of them all."""
