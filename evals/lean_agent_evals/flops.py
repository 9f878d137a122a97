"""Floating-point operations of a dense transformer, in closed form from its shape.

Source: E2R-FLOPs (Peng et al., "Efficiency-Effectiveness Reranking FLOPs for LLM-based Rerankers",
arXiv 2507.06223), with one change: the feed-forward term counts the three matrices of a gated layer
where the paper counts two. The paper scales the attention scores by n_kv / n_q too, which is kept:
with grouped queries every query head still scores every position, so long contexts cost more than
this says.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Shape"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Width, depth, heads and feed-forward width of a model.

    ``d_attn`` is query heads x head size. Of a mixture of experts, ``d_ff`` is the active experts'.
    """

    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    d_attn: int
    d_ff: int

    @property
    def parameters(self) -> float:
        """N: weights that each token passes, without the embeddings."""
        attention = (1 + self._kv_share) * self.d_attn
        return 2 * self.d_model * self.n_layers * (attention + 1.5 * self.d_ff)

    def context_flops(self, tokens: int) -> float:
        """Operations for reading a context of ``tokens``: 2 N n + 4 L n^2 (n_kv/n_q) d_attn."""
        return 2 * self.parameters * tokens + 2 * self._pair_flops * tokens**2

    def output_flops(self, context: int, tokens: int) -> float:
        """Operations for writing ``tokens`` after ``context`` tokens."""
        pairs = 2 * tokens * context + tokens * (tokens - 1)
        return 2 * self.parameters * tokens + self._pair_flops * pairs

    def call_flops(self, *, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """Operations for one model call; a cached prefix is not read again."""
        read = self.context_flops(input_tokens) - self.context_flops(cached_tokens)
        return read + self.output_flops(input_tokens, output_tokens)

    @property
    def _kv_share(self) -> float:
        return self.n_kv_heads / self.n_heads

    @property
    def _pair_flops(self) -> float:
        return 2 * self.n_layers * self._kv_share * self.d_attn
