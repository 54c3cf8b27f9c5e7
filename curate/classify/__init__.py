"""Classifiers of documents: quality, domains, harm, and a tagger of names; trained on what the user names.

`curate.classify.measures.Classifier` is what a run asks; `curate.classify.model.load` opens a trained model.
"""
