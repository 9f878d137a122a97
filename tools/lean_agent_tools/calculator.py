"""``calculator``: arithmetic, exact where numbers allow it."""

from __future__ import annotations

from lean_agent import ToolError, tool
from lean_agent_tools._arithmetic import CalculationError, calculate

__all__ = ["calculator"]


@tool(timeout=5)
async def calculator(expression: str) -> str:
    """Do arithmetic on numbers you have found.

    Args:
        expression: Numbers, + - * / // % ** ( ), sqrt, round, min, max, abs, log, pi, e.
    """
    try:
        return calculate(expression)
    except CalculationError as error:
        raise ToolError(str(error)) from error
