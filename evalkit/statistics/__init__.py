"""Intervals, comparisons and calibration: pure functions of scores, each result with what is not known about it."""
