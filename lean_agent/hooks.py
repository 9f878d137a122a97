"""Hooks: code of one's own that a run waits for, before and after its calls and at its end.

To look on, ``Agent.stream`` is enough, and to say no to a call with side effects ``approve`` is:
hooks are for what has to be done before the run goes on, such as a check that may end it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lean_agent.context import RunContext
    from lean_agent.messages import ToolCall
    from lean_agent.model import ModelRequest, ModelResponse
    from lean_agent.result import RunResult, TrajectoryStep

__all__ = ["Hooks"]


class Hooks:
    """Does nothing: override what is needed.

    Runs side by side, and tool calls of one step, may call a hook at once. What one raises ends the
    run with HookError, whose ``__cause__`` it is; what was spent is charged all the same.
    """

    async def before_model(self, request: ModelRequest, ctx: RunContext) -> None:
        """A model call is about to be made: once a call, however often it is tried again."""

    async def after_model(
        self, request: ModelRequest, response: ModelResponse, ctx: RunContext
    ) -> None:
        """It was answered, and paid for."""

    async def before_tool(self, call: ToolCall, ctx: RunContext) -> None:
        """A tool call is about to be made: it is allowed and not served from memory."""

    async def after_tool(self, step: TrajectoryStep, ctx: RunContext) -> None:
        """A tool call came to this; also one that was served or refused, as ``step`` says."""

    async def on_end(self, result: RunResult[Any]) -> None:
        """The run has ended: completed, at a limit, or with an error, and this is what it has.

        Of a run that is cancelled nobody is told.
        """
