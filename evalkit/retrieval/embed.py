"""Texts as vectors: the mean of a model's last hidden states over the text's tokens."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from evalkit.likelihood.encode import Coder
from evalkit.retrieval.passages import Told
from train.open import open_model
from workbench.endpoints.cache import Cache

CACHE = Path("cache") / "embeddings.sqlite"
"""Under the workspace: vectors by model and text, for all runs."""
Vectors = npt.NDArray[np.float32]
_UNIT = 64  # texts that are stored together: what an interruption costs
_VERSION = 1


class Embedder:
    """A model of `train`, or a Llama directory of Hugging Face, as a reader of texts.

    digest: of the weights and the tokenizer, which decide a vector. size: numbers of a vector. Close it after use.
    """

    def __init__(self, model: str, root: Path) -> None:
        opened = open_model(model, root)
        self._model, self._coder = opened.model.eval(), Coder(opened.tokenizer)
        self._positions, self.size = opened.config.max_positions, opened.config.hidden_size
        named = f"embedding/{_VERSION} {opened.digest} {opened.tokenizer.digest}"
        self.digest = hashlib.sha256(named.encode()).hexdigest()
        self._cache = Cache(root / CACHE)

    def embed(self, texts: Sequence[str], told: Told) -> Vectors:
        """float32 [texts, size], each of length 1; 0 for a text without tokens. Vectors are stored unit by unit, and
        what is stored is not computed again."""
        found = np.zeros((len(texts), self.size), np.float32)
        for begin in range(0, len(texts), _UNIT):
            for number, vector in self._unit(texts[begin : begin + _UNIT]):
                found[begin + number] = vector
            told("embedding", min(begin + _UNIT, len(texts)), len(texts))
        return found

    def close(self) -> None:
        """Close the stored vectors."""
        self._cache.close()

    def _unit(self, texts: Sequence[str]) -> Iterator[tuple[int, Vectors]]:
        fresh: dict[str, dict[str, str]] = {}
        for number, text in enumerate(texts):
            key = hashlib.sha256(f"{self.digest}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
            body = self._cache.get(key)
            vector = None if body is None else self._read(body.get("float32"))
            if vector is None:
                vector = self._one(text)
                fresh[key] = {"float32": base64.b64encode(vector.astype("<f4").tobytes()).decode()}
            yield number, vector
        if fresh:
            self._cache.put_all(fresh)

    def _read(self, stored: object) -> Vectors | None:
        """A stored vector; None for what is not one of this model."""
        try:
            vector = np.frombuffer(base64.b64decode(str(stored), validate=True), "<f4").astype(np.float32)
        except ValueError:
            return None
        return vector if vector.shape == (self.size,) and np.isfinite(vector).all() else None

    @torch.inference_mode()
    def _one(self, text: str) -> Vectors:
        """One text at a time, its windows as documents of one row, so that no vector hangs on its neighbours."""
        ids = self._coder.tokenizer.encode_batch([text])[0]
        before, room = self._coder.before, self._positions - len(self._coder.before)
        windows = [before + ids[begin : begin + room] for begin in range(0, len(ids), room)]
        if not windows:
            return np.zeros(self.size, np.float32)
        places = torch.tensor([place for window in windows for place in range(len(window))])
        docs = torch.tensor([number for number, window in enumerate(windows) for _ in window])
        tokens = torch.tensor([token for window in windows for token in window])
        states = self._model(tokens[None], places[None], docs[None])[0]
        total = states[places >= len(before)].double().sum(0)
        length = float(total.norm())
        return (total / length).float().numpy() if length > 0 else np.zeros(self.size, np.float32)
