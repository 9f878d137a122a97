"""One call of a tool, as the model is shown it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable

from lean_agent._redact import redact
from lean_agent._text import writable
from lean_agent.context import RunContext
from lean_agent.errors import LeanAgentError
from lean_agent.messages import ToolCall
from lean_agent.runtime.meter import Meter
from lean_agent.runtime.time_limit import time_limit
from lean_agent.tool_spec import Tool

__all__ = ["observe"]

_LOG = logging.getLogger("lean_agent.runtime")
_LOG.addHandler(logging.NullHandler())  # a library prints nothing unless asked to


async def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut: {limit} of {len(text)} characters shown]"


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def observe(
    call: ToolCall,
    tool: Tool,
    meter: Meter,
    context: RunContext,
    *,
    cut: Callable[[str, int], Awaitable[str]] = _cut,
    let_through: tuple[type[Exception], ...] = (),
) -> tuple[str, bool]:
    """What the model is shown of a call, and whether it failed. Never raises for a tool's fault.

    The call may take as long as the tool's spec allows and the run has left, in seconds; those in
    which a person is asked do not count.
    Of a result ``cut`` gives what is shown, told how many characters that may be.
    ``let_through`` are exceptions that are no fault of the tool's.
    """
    account = meter.spending.account
    remaining = account.remaining().seconds
    timeout = tool.spec.timeout if remaining is None else min(tool.spec.timeout, remaining)
    limit: asyncio.Timeout | None = None
    failed = True
    try:
        async with time_limit(timeout, account) as limit:
            text = writable(await tool.call(call.arguments, context))
        failed = False
    except let_through:
        raise
    except LeanAgentError as error:
        text = writable(f"Error: {error.message}")
    # A user's tool may raise anything, and await what was cancelled; the run goes on.
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        if limit is not None and limit.expired():
            text = f"Error: {call.name} took longer than {timeout:g} s and was stopped"
            if tool.spec.side_effects:  # a plain function goes on, in its thread
                text += "; it may have happened or not"
        else:
            # Not exc_info, which no one could redact: what a tool raises may quote a key.
            told = redact("".join(traceback.format_exception(error)).rstrip())
            _LOG.warning("tool %s failed\n%s", call.name, told)
            line = str(error).strip().splitlines()[0:1]
            detail = f": {redact(line[0])[:300]}" if line else ""
            text = writable(f"Error: {type(error).__name__}{detail}")
    return await cut(text, tool.spec.max_output_chars), failed
