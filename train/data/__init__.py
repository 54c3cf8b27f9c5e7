"""Rows of tokens for training: tokens on the disk, mixtures, packing, chat, batches."""
