"""Unit vectors that are like a text embedder's, as far as a search sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LATENT", "like_embeddings"]

LATENT = 32


def like_embeddings(count: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Points around 1,000 topics in a space of 32 dimensions, projected to more, with noise.

    An embedder's vectors lie near such a low-dimensional surface, where a graph search does well;
    vectors of independent coordinates have no near neighbours at all. The projection and the topics
    are the same for every seed, so that another seed's vectors are queries from outside.
    """
    shared, own = np.random.default_rng(2_505), np.random.default_rng(seed)
    topics = shared.standard_normal((1_000, LATENT), np.float32)
    projection = shared.standard_normal((LATENT, dimensions), np.float32) / LATENT**0.5
    made = np.empty((count, dimensions), np.float32)
    for start in range(0, count, 100_000):
        block = made[start : start + 100_000]
        points = topics[own.integers(len(topics), size=len(block))]
        points = points + 0.7 * own.standard_normal(points.shape, np.float32)
        block[:] = points @ projection + own.standard_normal(block.shape, np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return made
