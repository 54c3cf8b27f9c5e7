"""Byte-level BPE: trained here, written so that `AutoTokenizer` opens it, with a report on what it does to a text."""
