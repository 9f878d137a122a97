"""The shapes of the models that this package knows, from the headers of their GGUF files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lean_agent_evals.flops import Shape

__all__ = ["SHAPES"]

SHAPES: Final[Mapping[str, Shape]] = {
    "local:qwen2.5-coder-0.5b": Shape(
        d_model=896, n_layers=24, n_heads=14, n_kv_heads=2, d_attn=896, d_ff=4864
    ),
    "local:qwen2.5-coder-1.5b": Shape(
        d_model=1536, n_layers=28, n_heads=12, n_kv_heads=2, d_attn=1536, d_ff=8960
    ),
}
"""By the model's name. Of a hosted model nobody knows it: it is not here."""
