"""The index: documents of earlier runs, kept by their keys, so that later runs can be compared with them and any
document can be taken out again.

    index.json          settings, runs, segments and their checksums; to replace it is to change the index
    segments/<name>/    keys and sets of up to a shard of documents (see `store`), what is known of them, verified pairs
    tombstones.jsonl    what was deleted, and why; `index.json` says how much of it counts
    deletions/          proof reports
    lock.json           who writes

Whatever `index.json` does not name is what a killed writer left, and the next writer removes it.
"""
