"""Judges models and data."""
