"""Turns crawls into datasets: read, extract, identify the language, edit, measure, decide."""
