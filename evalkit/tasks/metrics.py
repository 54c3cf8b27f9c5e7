"""The metrics there are: what a number of an item means and how items make one number. How each is computed stands in
`score.py` and the modules it names."""

from __future__ import annotations

from typing import Literal, NamedTuple

Finish = Literal["", "exp", "bits"]


class Metric(NamedTuple):
    """One metric.

    formulation: of the tasks that have it. over: `items`, the mean of the items' values; or `sums`, the ratio of the
    sum of the values to the sum of the weights. finish: what is done with that mean or ratio: nothing, `exp`, or
    `bits` (division by ln 2). better: which way. share: whether every value is 0 or 1, so that the mean is a
    proportion. most: values lie between 0 and this by their nature, so that their interval does too. centered: they
    lie between what is wrong, below 0, and 1.
    """

    formulation: str
    doc: str
    over: Literal["items", "sums"] = "items"
    finish: Finish = ""
    better: Literal["higher", "lower"] = "higher"
    share: bool = False
    most: float | None = None
    centered: bool = False


METRICS: dict[str, Metric] = {
    "acc": Metric("choice", "the likeliest choice is right", share=True),
    "acc_norm": Metric("choice", "the likeliest choice a character is right (delimiter not counted)", share=True),
    "acc_bytes": Metric("choice", "the likeliest choice a byte of UTF-8 is right", share=True),
    "acc_token": Metric("choice", "the likeliest choice a token is right", share=True),
    "acc_mutual_info": Metric("choice", "the choice that the question makes likelier most is right", share=True),
    "acc_centered": Metric("choice", "acc between chance (0) and always right (1)", centered=True),
    "greedy": Metric("choice", "the right choice is what greedy decoding would say", share=True),
    "brier": Metric(
        "choice", "squared distance of the choices' probabilities from the right answer", better="lower", most=2.0
    ),
    "norm_correct_prob": Metric("choice", "probability of the right choices among the choices", most=1.0),
    "correct_prob": Metric("choice", "probability of the (likeliest) right choice itself", most=1.0),
    "answer_bpb": Metric("choice", "bits a byte of the right choice", better="lower"),
    "perplexity": Metric("choice", "perplexity of the right choice, taken whole", finish="exp", better="lower"),
    "f1": Metric("choice", "F1 of the class with index 1", over="sums", most=1.0),
    "exact_match": Metric("generate", "the extracted answer equals a right one", share=True),
    "token_f1": Metric("generate", "overlap of words with the best right answer", most=1.0),
    "drop_em": Metric("generate", "DROP's exact match of sets of spans", share=True),
    "drop_f1": Metric("generate", "DROP's F1 of sets of spans, numbers having to agree", most=1.0),
    "rouge1": Metric("generate", "ROUGE-1 F with the best right answer", most=1.0),
    "rouge2": Metric("generate", "ROUGE-2 F with the best right answer", most=1.0),
    "rougeL": Metric("generate", "ROUGE-L F with the best right answer", most=1.0),
    "pass_at_k": Metric("generate", "one of k programs passes every test", most=1.0),
    "toxicity": Metric(
        "generate", "the harm that a scorer sees in the continuation, worst of n", better="lower", most=1.0
    ),
    "toxic": Metric("generate", "a continuation is over the scorer's bound", better="lower", share=True),
    "refused": Metric("generate", "the answer refuses a request that it should refuse", share=True),
    "over_refused": Metric("generate", "the answer refuses a harmless request", better="lower", share=True),
    "abstained": Metric(
        "generate", "not knowing, or that there is no such thing, is said exactly where there is none", share=True
    ),
    "instructions": Metric("generate", "the share of the instruction's rules that the answer keeps", most=1.0),
    "all_instructions": Metric("generate", "every rule of the instruction is kept", share=True),
    "word_perplexity": Metric("rolling", "perplexity a word", over="sums", finish="exp", better="lower"),
    "byte_perplexity": Metric("rolling", "perplexity a byte", over="sums", finish="exp", better="lower"),
    "bits_per_byte": Metric("rolling", "bits a byte", over="sums", finish="bits", better="lower"),
    "token_perplexity": Metric("rolling", "perplexity a token", over="sums", finish="exp", better="lower"),
}


def metric_of(name: str) -> Metric:
    """The metric of a score's name: `exact_match`, or `exact_match/flexible` for one of several extractions."""
    return METRICS[name.partition("/")[0]]
