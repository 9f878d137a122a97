"""The agent's hooks, as one run waits for them: each in turn, and what one raises ends the run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lean_agent.context import RunContext
from lean_agent.errors import HookError, LeanAgentError
from lean_agent.hooks import Hooks
from lean_agent.messages import ToolCall
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.result import RunResult, TrajectoryStep

__all__ = ["RunHooks"]


@dataclass(frozen=True, slots=True)
class RunHooks:
    """Every method raises HookError where a hook raises anything."""

    hooks: tuple[Hooks, ...] = ()

    async def before_model(self, request: ModelRequest, ctx: RunContext) -> None:
        await self._each("before_model", lambda hook: hook.before_model(request, ctx))

    async def after_model(
        self, request: ModelRequest, response: ModelResponse, ctx: RunContext
    ) -> None:
        await self._each("after_model", lambda hook: hook.after_model(request, response, ctx))

    async def before_tool(self, call: ToolCall, ctx: RunContext) -> None:
        await self._each("before_tool", lambda hook: hook.before_tool(call, ctx))

    async def after_tool(self, step: TrajectoryStep, ctx: RunContext) -> None:
        await self._each("after_tool", lambda hook: hook.after_tool(step, ctx))

    async def end(self, run: Awaitable[RunResult[Any]]) -> RunResult[Any]:
        """What the run comes to, after the hooks were told of it."""
        try:
            result = await run
        except LeanAgentError as error:
            if error.result is not None:
                try:
                    await self._on_end(error.result)
                except HookError as failed:
                    error.add_note(failed.message)  # the run's own error says more
            raise
        await self._on_end(result)
        return result

    async def _on_end(self, result: RunResult[Any]) -> None:
        try:
            await self._each("on_end", lambda hook: hook.on_end(result))
        except HookError as error:
            error.result, error.usage = result, result.usage
            raise

    async def _each(self, name: str, call: Callable[[Hooks], Awaitable[None]]) -> None:
        for hook in self.hooks:
            try:
                await call(hook)
            except Exception as error:
                what = f"{type(hook).__name__}.{name}"
                raise HookError(f"{what} ended the run: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
