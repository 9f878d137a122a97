from __future__ import annotations

import pytest

from lean_agent import Usage
from lean_agent.models.catalog import CATALOG
from lean_agent_evals.flops import Shape, attempt_flops
from lean_agent_evals.shapes import SHAPES

TINY = Shape(d_model=4, n_layers=2, n_heads=2, n_kv_heads=1, d_attn=4, d_ff=8)
QWEN_1_5B = SHAPES["local:qwen2.5-coder-1.5b"]


def used(read: int, cached: int, written: int) -> Usage:
    return Usage(input_tokens=read, cache_read_input_tokens=cached, output_tokens=written)


def test_a_tiny_model_by_hand() -> None:
    # N = 2 * 4 * 2 * (1.5 * 4 + 1.5 * 8) = 16 * 18
    assert TINY.parameters == 288
    # 2 * 288 * 10 + 4 * 2 * 100 * 0.5 * 4
    assert TINY.context_flops(10) == 5_760 + 1_600
    # 2 * 288 * 3 + 2 * 2 * 0.5 * 4 * (2 * 3 * 10 + 3 * 2)
    assert TINY.output_flops(10, 3) == 1_728 + 528


def test_cached_tokens_are_attended_to_and_not_read_again() -> None:
    # 2 * 288 * 4 + 4 * 2 * 0.5 * 4 * (4 * 10): four new rows over all ten positions
    assert TINY.context_flops(10, cached=6) == 2_304 + 640
    assert TINY.context_flops(10, cached=10) == 0
    # 2 * 288 * 1 + 4 * 2 * 0.5 * 4 * 10 either way: a token read alone is one that was written
    assert TINY.context_flops(10, cached=9) == TINY.output_flops(10, 1) == 576 + 160


def test_a_call_reads_what_is_not_cached_and_writes_the_answer() -> None:
    assert TINY.call_flops(used(10, 0, 3)) == 7_360 + 2_256
    assert TINY.call_flops(used(10, 6, 3)) == 2_944 + 2_256


def test_tokens_written_one_by_one_cost_what_they_cost_together() -> None:
    one_by_one = sum(QWEN_1_5B.output_flops(1_000 + n, 1) for n in range(50))
    assert one_by_one == pytest.approx(QWEN_1_5B.output_flops(1_000, 50), rel=1e-12)


def test_an_attempt_is_the_sum_of_its_calls() -> None:
    calls = [used(10, 0, 3), used(10, 6, 3)]
    total = used(20, 6, 6)
    # Not a call of 20 tokens: each call's context is its own.
    assert attempt_flops(TINY, calls, total) == 9_616 + 5_200
    assert attempt_flops(TINY, [], Usage()) == 0
    assert attempt_flops(None, calls, total) is None


def test_what_a_call_that_was_cut_off_used_counts() -> None:
    # The other 10 tokens read and 3 written are those of a call that was never answered.
    assert attempt_flops(TINY, [used(10, 6, 3)], used(20, 6, 6)) == 5_200 + 9_616


def test_the_weights_of_known_models_are_counted() -> None:
    """Their cards say 0.36 and 1.31 billion parameters without embeddings."""
    assert SHAPES["local:qwen2.5-coder-0.5b"].parameters == pytest.approx(0.36e9, rel=0.01)
    assert QWEN_1_5B.parameters == pytest.approx(1.31e9, rel=0.005)


def test_every_chat_model_of_the_catalogue_has_a_shape() -> None:
    chat = {f"local:{name}" for name, weights in CATALOG.items() if weights.kind == "chat"}
    assert chat == set(SHAPES)


def test_shared_keys_cost_less() -> None:
    full = Shape(d_model=1536, n_layers=28, n_heads=12, n_kv_heads=12, d_attn=1536, d_ff=8960)
    assert full.context_flops(4_000) > QWEN_1_5B.context_flops(4_000)


def test_calls_that_were_cut_off_are_bounded_from_above() -> None:
    lost = [used(10, 6, 1), used(12, 0, 2)]
    bound = attempt_flops(TINY, [], sum(lost, Usage()))
    assert bound is not None
    assert bound > sum(TINY.call_flops(usage) for usage in lost)
