"""Usages that no provider documents, and that come all the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.models.usage_report import read_usage


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"usage": None},
        {"usage": []},
        {"usage": {"prompt_tokens": "7", "completion_tokens": True}},
        {"usage": {"prompt_tokens": 7}},
        {"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}},
        {"usage": {"prompt_tokens": -7, "completion_tokens": 2}},
        {"choices": [{"usage": {"prompt_tokens": 7}}], "x_groq": {"usage": 3}},
    ],
)
def test_what_is_no_count(data: dict[str, Any]) -> None:
    assert read_usage(data) is None


def test_reasoning_beyond_the_completion_is_output_too() -> None:
    details = {"reasoning_tokens": 386}
    usage = read_usage(
        {
            "usage": {
                "prompt_tokens": 12,
                "completion_tokens": 1,
                "completion_tokens_details": details,
            }
        }
    )
    assert usage is not None
    assert (usage.output_tokens, usage.reasoning_output_tokens) == (387, 386)


def test_a_total_with_the_cache_in_it_is_no_output() -> None:
    usage = read_usage(
        {
            "usage": {
                "input_tokens": 7,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 10,
                "output_tokens": 2,
                "total_tokens": 119,
            }
        }
    )
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (117, 2)


count = st.none() | st.integers(0, 10_000)


@given(
    st.fixed_dictionaries(
        {
            "usage": st.fixed_dictionaries(
                {
                    "prompt_tokens": st.integers(1, 10_000),
                    "completion_tokens": st.integers(0, 10_000),
                },
                optional={
                    "total_tokens": count,
                    "cached_tokens": count,
                    "cost": st.none() | st.floats(),
                    "prompt_tokens_details": st.none()
                    | st.fixed_dictionaries({"cached_tokens": count, "cache_write_tokens": count}),
                    "completion_tokens_details": st.none()
                    | st.fixed_dictionaries({"reasoning_tokens": count}),
                },
            )
        }
    )
)
def test_parts_never_exceed_their_whole(data: dict[str, Any]) -> None:
    usage = read_usage(data, billed=True)
    assert usage is not None
    assert usage.uncached_input_tokens >= 0
    assert usage.input_tokens >= data["usage"]["prompt_tokens"]
    assert usage.output_tokens >= data["usage"]["completion_tokens"]
    assert 0 <= usage.reasoning_output_tokens <= usage.output_tokens
    assert usage.cost is None or usage.cost >= Decimal(0)
