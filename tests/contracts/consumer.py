"""What a consumer's type checker sees: checked with ``mypy --strict``, never run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import assert_type

from lean_agent import Agent, Budget, RunContext, RunResult, tool


@dataclass
class Sum:
    result: int


@tool
def add(a: int, b: int = 1) -> int:
    """Add.

    Args:
        a: One number.
        b: Another.
    """
    return a + b


@tool(side_effects=True, timeout=5)
async def send(text: str, ctx: RunContext) -> str:
    """Send.

    Args:
        text: What.
    """
    ctx.log(text)
    return "sent"


def use() -> None:
    assert_type(add(1, b=2), int)
    agent = Agent(model="openai:gpt-4o-mini", tools=[add, send], budget=Budget(usd="0.10"))
    result = agent.run_sync("What is 1 + 2?")
    assert_type(result, RunResult[str])
    assert_type(result.output, str)
    assert_type(result.usage.cost, Decimal | None)
    typed = Agent(model=["openai:gpt-4o-mini", "local:qwen2.5-coder-1.5b"], output_type=Sum)
    assert_type(typed.run_sync("What is 1 + 2?").output, Sum)
