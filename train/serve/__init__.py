"""A local server that speaks as OpenAI's API does: completions with log-probabilities and echo, chat, streams.

`Server` listens, `Engine` runs the model for all its requests, `requests` and `answers` are the two directions of JSON.
"""

from train.serve.engine import Engine
from train.serve.http import Server

__all__ = ["Engine", "Server"]
