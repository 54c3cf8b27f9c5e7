"""Looks at runs, and computes nothing of its own: every figure is a query on what the runs left on the disk."""
