"""Asking for an answer in the form that the caller gave, where he gave one."""

from __future__ import annotations

from dataclasses import replace

from lean_agent.errors import ModelError
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.runtime import prompts
from lean_agent.runtime.meter import Call
from lean_agent.runtime.scope import RunScope

__all__ = ["called", "formed", "in_form"]

_TOKENS = 2_048
_SCHEMA_REFUSED = {400, 422, 501}


def in_form(scope: RunScope, text: str) -> str:
    """``text`` with what the model is told of the form; a server may hold it to a schema without
    showing that to it.
    """
    return text if scope.form is None else f"{text}\n\n{prompts.form(scope.form.schema)}"


def formed(scope: RunScope) -> int | None:
    """The state's ``formed`` after a call that asked for the form."""
    return None if scope.form is None else 1


async def called(scope: RunScope, request: ModelRequest, call: Call) -> ModelResponse:
    """The call, held to the form's schema where the server can.

    Raises:
        LeanAgentError: as the meter.
    """
    if scope.form is None:
        return await scope.call(request, call)
    request = replace(request, max_output_tokens=_TOKENS)
    if scope.schema_refused:
        return await scope.call(request, call)
    held = replace(request, response_schema=scope.form.schema)
    try:
        return await scope.call(held, call)
    except ModelError as error:
        # A long prompt or filtered content has an error of its own.
        if type(error) is not ModelError or error.status not in _SCHEMA_REFUSED:
            raise
    scope.schema_refused = True
    return await scope.call(request, call)
