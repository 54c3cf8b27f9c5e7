"""Looks at runs."""
