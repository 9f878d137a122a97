"""Assertions that ``python -O`` does not remove."""

from __future__ import annotations

__all__ = ["check"]


def check(holds: bool, rule: str) -> None:
    """Raises AssertionError with ``rule`` unless it holds."""
    if not holds:
        raise AssertionError(rule)
