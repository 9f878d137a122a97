from __future__ import annotations

import pytest

from lean_agent_evals.flops import Shape

TINY = Shape(d_model=4, n_layers=2, n_heads=2, n_kv_heads=1, d_attn=4, d_ff=8)
QWEN_1_5B = Shape(d_model=1536, n_layers=28, n_heads=12, n_kv_heads=2, d_attn=1536, d_ff=8960)
"""Qwen2.5-1.5B's config.json: hidden 1536, 28 layers, 12 heads, 2 of them keys, inner 8960."""


def test_a_tiny_model_by_hand() -> None:
    # N = 2 * 4 * 2 * (1.5 * 4 + 1.5 * 8) = 16 * 18
    assert TINY.parameters == 288
    # 2 * 288 * 10 + 4 * 2 * 100 * 0.5 * 4
    assert TINY.context_flops(10) == 5_760 + 1_600
    # 2 * 288 * 3 + 2 * 2 * 0.5 * 4 * (2 * 3 * 10 + 3 * 2)
    assert TINY.output_flops(10, 3) == 1_728 + 528


def test_a_call_reads_what_is_not_cached_and_writes_the_answer() -> None:
    whole = TINY.call_flops(input_tokens=10, cached_tokens=0, output_tokens=3)
    assert whole == TINY.context_flops(10) + TINY.output_flops(10, 3)
    cached = TINY.call_flops(input_tokens=10, cached_tokens=6, output_tokens=3)
    assert whole - cached == TINY.context_flops(6)
    assert TINY.call_flops(input_tokens=10, cached_tokens=10, output_tokens=0) == 0


def test_tokens_written_one_by_one_cost_what_they_cost_together() -> None:
    one_by_one = sum(QWEN_1_5B.output_flops(1_000 + n, 1) for n in range(50))
    assert one_by_one == pytest.approx(QWEN_1_5B.output_flops(1_000, 50), rel=1e-12)


def test_the_weights_of_a_known_model_are_counted() -> None:
    """Its card says 1.31 billion parameters without embeddings."""
    assert QWEN_1_5B.parameters == pytest.approx(1.31e9, rel=0.005)


def test_shared_keys_cost_less() -> None:
    full = Shape(d_model=1536, n_layers=28, n_heads=12, n_kv_heads=12, d_attn=1536, d_ff=8960)
    assert full.context_flops(4_000) > QWEN_1_5B.context_flops(4_000)
