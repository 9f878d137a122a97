"""An embedder that needs no model: words' letter trigrams, hashed and projected to 64 numbers."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lean_agent.embedder import Embedded
from lean_agent.usage import Usage

__all__ = ["TrigramEmbedder"]

_DIMENSIONS = 64


class TrigramEmbedder:
    """Texts that share letters are near; it remembers what it was asked for."""

    def __init__(self, name: str = "test:trigrams") -> None:
        self._name = name
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        return self._name

    async def embed(self, texts: Sequence[str]) -> Embedded:
        self.asked += texts
        vectors = np.stack([self.vector(text) for text in texts])
        tokens = sum(len(text.split()) for text in texts)
        return Embedded(vectors=vectors, usage=Usage(input_tokens=tokens, cost=None))

    async def aclose(self) -> None:
        pass

    def vector(self, text: str) -> NDArray[np.float32]:
        sum_ = np.zeros(_DIMENSIONS, np.float32)
        sum_[0] = 1e-3  # a text without a letter has a direction, too
        for word in text.lower().split():
            padded = f" {word} "
            for start in range(len(padded) - 2):
                digest = zlib.crc32(f"{self._name}{padded[start : start + 3]}".encode())
                sum_[digest % _DIMENSIONS] += 1 if digest & 2**31 else -1
        return sum_ / np.linalg.norm(sum_).astype(np.float32)
