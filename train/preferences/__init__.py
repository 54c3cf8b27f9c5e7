"""Preferences: answers to one prompt compared by people, rules or models; what reward models and DPO learn from."""

from train.preferences.types import Comparison, Judgement, Pair, Pairs, Score, Thumb

__all__ = ["Comparison", "Judgement", "Pair", "Pairs", "Score", "Thumb"]
