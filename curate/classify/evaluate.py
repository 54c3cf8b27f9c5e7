"""What a classifier is worth on examples it has not seen: numbers, tables and the examples at the edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Scores = NDArray[np.float64]
BINS = 10
SHOWN = 5
_SNIPPET = 160
_LENGTHS = (0, 500, 1000, 2000, 4000, 8000, 16000, 2**62)
_GROUPS = 30


def binary(target: NDArray[np.bool_], scores: Scores) -> dict[str, Any]:
    """ROC-AUC, average precision, Brier score and calibration curve; the curves need both classes, else None."""
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    both = bool(target.any() and not target.all())
    return {
        "examples": len(target),
        "positive": int(target.sum()),
        "roc_auc": float(roc_auc_score(target, scores)) if both else None,
        "average_precision": float(average_precision_score(target, scores)) if both else None,
        "brier": float(brier_score_loss(target, scores)) if both else None,
        "calibration": calibration(target, scores),
    }


def calibration(target: NDArray[np.bool_], scores: Scores) -> list[dict[str, float]]:
    """For each tenth of the scale with examples: mean score, share of positives, examples."""
    place = np.minimum((scores * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        here = place == number
        if here.any():
            row = {"score": float(scores[here].mean()), "positive": float(target[here].mean())}
            found.append({"from": number / BINS, **row, "examples": int(here.sum())})
    return found


def multiclass(target: NDArray[np.int64], scores: Scores, labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro F1, per class precision, recall and F1, and the confusion matrix (rows are the truth)."""
    from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

    guess = scores.argmax(axis=1)
    places = list(range(len(labels)))
    there = sorted(set(target.tolist()))
    precision, recall, f1, support = precision_recall_fscore_support(target, guess, labels=places, zero_division=0)
    most = np.bincount(target, minlength=len(labels)).max() / len(target)
    return {
        "examples": len(target),
        "accuracy": float((guess == target).mean()),
        "accuracy_of_most_frequent": float(most),
        "macro_f1": float(f1_score(target, guess, labels=there, average="macro", zero_division=0)),
        "log_loss": float(log_loss(target, scores, labels=places)),
        "confidence": float(scores.max(axis=1).mean()),
        "classes": [
            {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "examples": int(n)}
            for label, p, r, f, n in zip(labels, precision, recall, f1, support, strict=True)
        ],
        "confusion": confusion_matrix(target, guess, labels=places).tolist(),
    }


def threshold(scores: Scores, tokens: NDArray[np.int64], share: float) -> dict[str, float]:
    """The lowest score of the best examples that hold at least `share` of the tokens, and what it keeps."""
    order = np.argsort(-scores, kind="stable")
    within = np.cumsum(tokens[order]) / max(1, tokens.sum())
    at = min(int(np.searchsorted(within, share)), len(order) - 1)
    limit = float(scores[order[at]])
    kept = scores >= limit
    total = max(1, int(tokens.sum()))
    return {
        "wanted": share,
        "threshold": limit,
        "tokens_kept": float(tokens[kept].sum() / total),
        "examples_kept": float(kept.mean()),
    }


def by_column(frame: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Examples, share of positives and quantiles of `score` for each value of a column, the most frequent first.

    Where the classes have the same score in a group, a threshold there is a guess: so each class is told apart.
    """
    known = frame.filter(pl.col(column).is_not_null())
    found = known.group_by(column).agg(*_told()).sort(["examples", column], descending=[True, False]).head(_GROUPS)
    return found.to_dicts()


def by_length(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The same by the number of characters."""
    cut = pl.lit(None, pl.Int64)
    for low, high in pairwise(_LENGTHS):
        cut = pl.when((pl.col("chars") >= low) & (pl.col("chars") < high)).then(pl.lit(low)).otherwise(cut)
    found = frame.with_columns(chars_from=cut).group_by("chars_from").agg(*_told()).sort("chars_from")
    return found.to_dicts()


def _told() -> list[pl.Expr]:
    score = pl.col("score")
    return [
        pl.len().alias("examples"),
        pl.col("positive").cast(pl.Float64).mean().alias("positive"),
        score.mean().alias("mean"),
        *(score.quantile(q, "nearest").alias(f"p{round(100 * q)}") for q in (0.1, 0.5, 0.9)),
        score.filter(pl.col("positive")).mean().alias("mean_positive"),
        score.filter(~pl.col("positive")).mean().alias("mean_negative"),
    ]


def extremes(frame: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """The highest and lowest scores, the least certain, and the most certain errors; texts are cut short."""
    shown = frame.select(
        "id",
        "label",
        "url",
        "score",
        "positive",
        text=pl.col("text").str.slice(0, _SNIPPET).str.replace_all(r"\s+", " "),
    )
    score = pl.col("score")
    wrong = pl.when(pl.col("positive")).then(1 - score).otherwise(score)
    keys = {"highest": -score, "lowest": score, "least_certain": (score - 0.5).abs(), "most_wrong": -wrong}
    return {
        name: shown.sort(key, "id", nulls_last=True).head(SHOWN).drop("positive").to_dicts()
        for name, key in keys.items()
    }


def histogram(scores: Scores) -> list[int]:
    """Examples in each twentieth of the scale."""
    return np.bincount(np.minimum((scores * 20).astype(int), 19), minlength=20).tolist()


def quality(frame: pl.DataFrame, share: float) -> dict[str, Any]:
    """The whole report of one score; frame: id, label, positive (bool or null), score, tokens, chars, host, lang, url,
    text."""
    scores = frame["score"].to_numpy()
    labelled = frame.filter(pl.col("positive").is_not_null())
    report: dict[str, Any] = {}
    if labelled.height:
        report |= binary(labelled["positive"].to_numpy().astype(bool), labelled["score"].to_numpy())
    return report | {
        "histogram": histogram(scores),
        "threshold": threshold(scores, frame["tokens"].to_numpy(), share),
        "by_host": by_column(frame, "host"),
        "by_lang": by_column(frame, "lang"),
        "by_source": by_column(frame, "source"),
        "by_length": by_length(frame),
        "examples_shown": extremes(frame),
    }
