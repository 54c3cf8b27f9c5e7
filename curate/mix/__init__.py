"""Mixing: which documents of a finished run are read how often, stated to the document before anything is written."""
