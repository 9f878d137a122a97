"""Token counts and bills as servers report them, each in its own way.

The formats, with where they are documented, are the cases of ``tests/unit/models/usage_cases``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from lean_agent.models.wire import as_mapping
from lean_agent.usage import EXACT, Usage

__all__ = ["read_usage"]


def read_usage(data: Mapping[str, Any], *, billed: bool = False) -> Usage | None:
    """Tokens from a response's or chunk's ``usage`` and llama.cpp's ``timings``; None without.

    Cached tokens end up inside the input and reasoning inside the output, whatever the server
    does: Anthropic's ``input_tokens`` are without the cache, and so is any prompt smaller than it;
    where the total is more than prompt and completion together what is missing is output (xAI and
    Google leave reasoning out of ``completion_tokens``), and so is reasoning that is more than the
    completion. Every prompt has tokens: a count of 0 stands for one still to come.

    With ``billed`` the server is one whose bills count: the cost is what it charged, marked
    ``measured``. Else it is None: it is charged elsewhere.
    """
    usage, timings = _reported(data), as_mapping(data.get("timings"))
    fresh, reused = _count(timings, "prompt_n"), _count(timings, "cache_n")
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    output = _count(usage, "completion_tokens", "output_tokens")
    if prompt is None and fresh is not None:
        prompt = fresh + (reused or 0)
    if output is None:
        output = _count(timings, "predicted_n")
    if not prompt or output is None:
        return None
    inputs = as_mapping(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    outputs = as_mapping(usage.get("completion_tokens_details"))
    read = _count(inputs, "cached_tokens")
    if read is None:
        # DeepSeek, Moonshot, Anthropic
        names = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
        read = _count(usage, *names)
    if read is None:
        read = reused or 0
    written = _count(inputs, "cache_write_tokens", "cache_creation_tokens")
    if written is None:
        written = _count(usage, "cache_creation_input_tokens") or 0
    as_anthropic = "prompt_tokens" not in usage and "cache_read_input_tokens" in usage
    if as_anthropic or read + written > prompt:
        prompt += read + written
    output = max(output, (_count(usage, "total_tokens") or 0) - prompt)
    reasoning = _count(outputs, "reasoning_tokens") or 0
    if reasoning > output:
        output += reasoning
    bill = _bill(usage) if billed else None
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_read_input_tokens=read,
        cache_creation_input_tokens=written,
        reasoning_output_tokens=reasoning,
        cost=bill,
        provenance=frozenset() if bill is None else frozenset({"measured"}),
    )


def _reported(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage where it belongs, else where Moonshot's or Groq's streams may put it."""
    choices: object = data.get("choices")
    first = cast("list[object]", choices)[0] if isinstance(choices, list) and choices else None
    return (
        as_mapping(data.get("usage"))
        or as_mapping(as_mapping(first).get("usage"))
        or as_mapping(as_mapping(data.get("x_groq")).get("usage"))
    )


def _count(data: Mapping[str, Any], *names: str) -> int | None:
    """The first of ``names`` that holds a token count."""
    for name in names:
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _bill(usage: Mapping[str, Any]) -> Decimal | None:
    """What OpenRouter says the call cost its user, in US dollars; None if it does not say.

    ``cost`` is what OpenRouter charges (its credits are dollars). For a call on the user's own key
    (``is_byok``) that is its fee alone, and the provider charges ``upstream_inference_cost``
    besides; for others that field repeats the cost. Where ``is_byok`` is missing, a provider's
    price above what OpenRouter charges tells it.
    """
    cost = _money(usage.get("cost"))
    upstream = _money(as_mapping(usage.get("cost_details")).get("upstream_inference_cost"))
    own_key: object = usage.get("is_byok")
    if cost is None or (own_key is True and upstream is None):
        return None
    if upstream is not None and (own_key is True or (own_key is None and upstream > cost)):
        return EXACT.add(cost, upstream)
    return cost


def _money(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)) if isfinite(value) and value >= 0 else None
