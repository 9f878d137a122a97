"""Asks for approval before a call that needs it. The call is not paid for before the answer, so a
run that is killed while it waits asks again when it is resumed.
"""

from __future__ import annotations

import asyncio
import glob
import json
import shlex

from lean_agent.approval import ApprovalRequest
from lean_agent.errors import LeanAgentError, ToolError
from lean_agent.events import Notice
from lean_agent.gating.call_keys import call_key
from lean_agent.gating.tool_calls import CallDecision
from lean_agent.messages import ToolCall
from lean_agent.runtime.scope import RunScope
from lean_agent.tool_spec import Preview, Previewing

__all__ = ["needs_yes", "refusal"]

_NOBODY = "it needs a yes, and nobody is there to ask"


def needs_yes(call: ToolCall, scope: RunScope) -> bool:
    """Whether what the call would do must be looked at first: no bare name allows it."""
    spec = scope.callable[call.name].spec
    return spec.needs_approval and not scope.approvals.cover(call.name, None)


async def refusal(call: ToolCall, scope: RunScope) -> CallDecision | None:
    """Why a call that needs a yes may not be made; None where it may."""
    key = call_key(scope.callable[call.name].spec, call.arguments)
    if key in scope.denied:
        return CallDecision(verdict="refuse", reason=scope.denied[key])
    try:
        denied = await _denied(call, scope)
    except LeanAgentError as error:
        return CallDecision(verdict="refuse", reason=error.message, news=True)
    if denied is None:
        return None
    scope.denied[key] = denied
    return CallDecision(verdict="refuse", reason=denied, news=denied != _NOBODY)


async def _denied(call: ToolCall, scope: RunScope) -> str | None:
    """Who says no, and why; None where a pattern or a person says yes.

    Raises:
        LeanAgentError: the call would fail.
    """
    approvals = scope.approvals
    preview = await _preview(call, scope)
    while not approvals.cover(call.name, preview.subject):
        pattern = _pattern(call.name, preview)
        if approvals.ask is None:
            scope.emit(Notice(_how_to_allow(pattern or call.name)))
            return _NOBODY
        request = ApprovalRequest(
            tool=call.name,
            arguments=call.arguments,
            preview=preview.text,
            pattern=pattern,
            run_id=scope.context.run_id,
        )
        with scope.meter.spending.account.paused():
            answer = await approvals.ask(request)
        if answer.verdict not in {"once", "always"}:
            reason = " ".join(answer.reason.split())
            return "the user denied it" + (f": {reason}" if reason else "")
        if answer.verdict == "always" and pattern:
            approvals.allow([pattern])
            await scope.meter.journal.allow(pattern)
        # A yes is to what was shown: while a person thought, a file may have become another.
        shown, preview = preview, await _preview(call, scope)
        if preview == shown:
            break
    return None


async def _preview(call: ToolCall, scope: RunScope) -> Preview:
    tool = scope.callable[call.name]
    preview = None
    if isinstance(tool, Previewing):
        try:
            async with asyncio.timeout(tool.spec.timeout):
                preview = await tool.preview(call.arguments, scope.context)
        except LeanAgentError:
            raise
        except Exception as error:
            # A tool's own code may raise anything; what it cannot tell is not done.
            name = type(error).__name__
            raise ToolError(f"what the call would do could not be told ({name})") from error
    if preview is not None:
        return preview
    written = json.dumps(call.arguments, sort_keys=True, ensure_ascii=False, default=str)
    return Preview(text=f"{call.name} {written}", subject=written)


def _pattern(name: str, preview: Preview) -> str:
    if preview.subject is None:
        return ""
    return f"{name}:{preview.always or glob.escape(preview.subject)}"


def _how_to_allow(pattern: str) -> str:
    option, listed = f"--allow {shlex.quote(pattern)}", f"Agent(allow=[{pattern!r}])"
    return f"not allowed, as nobody is there to ask; to allow it: {option} or {listed}"
