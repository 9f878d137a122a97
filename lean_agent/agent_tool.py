"""An agent as a tool of another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lean_agent.context import RunContext
from lean_agent.errors import LeanAgentError, ToolError
from lean_agent.function_tool import FunctionTool
from lean_agent.result import RunResult
from lean_agent.tool_spec import Tool

__all__ = ["AgentTool"]

_LONGEST_SECONDS = 3_600.0
_TO_END_SECONDS = 30.0
"""Beyond its own limit, at which it still ends with an answer."""


class AgentTool(FunctionTool[[str, RunContext], Awaitable[str]]):
    """Its one argument is the task. ``work`` does it, for the run whose context it is handed.

    ``tools`` are the agent's: the call has side effects where one of them has, is safe beside
    others where all are, and may take ``seconds``, an hour where None.

    Raises:
        ConfigurationError: no tool can have this name.
    """

    def __init__(
        self,
        work: Callable[[str, RunContext], Awaitable[RunResult[Any]]],
        aclose: Callable[[], Awaitable[None]],
        *,
        name: str,
        description: str,
        tools: Sequence[Tool],
        seconds: float | None,
    ) -> None:
        async def delegate(task: str, ctx: RunContext) -> str:
            try:
                result = await work(task, ctx)
            except LeanAgentError as error:
                raise ToolError(f"{name} failed: {error.message}", usage=error.usage) from error
            return _told(name, result)

        delegate.__doc__ = (
            f"{description}\n\nArgs:\n    task: What it is to do. It knows nothing but this text."
        )
        specs = [tool.spec for tool in tools]
        super().__init__(
            delegate,
            name=name,
            side_effects=any(spec.side_effects for spec in specs),
            asks_within=True,
            concurrency_safe=all(spec.concurrency_safe for spec in specs),
            timeout=_LONGEST_SECONDS if seconds is None else seconds + _TO_END_SECONDS,
        )
        self._aclose = aclose

    async def aclose(self) -> None:
        """Close the agent's connections."""
        await self._aclose()


def _told(name: str, result: RunResult[Any]) -> str:
    """What the calling model reads.

    Raises:
        ToolError: the agent came to no answer.
    """
    if result.exit_status == "completed":
        return result.text
    why = f"its {result.limit} limit ended its work" if result.limit else "it did not finish"
    if not result.text:
        raise ToolError(f"{name} came to no answer: {why}")
    return f"{result.text}\n[{why}: the answer may be incomplete]"
