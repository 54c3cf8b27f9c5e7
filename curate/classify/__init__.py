"""Classifiers of documents: quality, domains, harm, and a tagger of names; trained on what the user names.

`curate.classify.config` is what a recipe says of them, `curate.classify.opened` opens what it names;
`curate.classify.model.load` opens a single one.
"""
