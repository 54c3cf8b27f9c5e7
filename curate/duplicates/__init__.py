"""Duplicates: exact, by address, near, and repeated text; who stays, and the evidence for whoever goes."""
