"""The tool."""

from __future__ import annotations

from lean_agent import tool


@tool
def coin_value(coins: list[int]) -> int:
    """Say how much coins are worth together.

    Args:
        coins: The worth of each.
    """
    return sum(coins)
