"""A finished run as files for others: splits that no near-duplicate straddles, shards, checksums."""
