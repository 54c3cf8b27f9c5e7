"""Reward models: a language model's trunk with a scalar head on the last token, learnt from preferences."""
