"""The answer to a call that was not streamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from lean_agent.errors import LeanAgentError, ModelError
from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.models import wire
from lean_agent.models.provider_errors import CallSite, answer_error
from lean_agent.models.tokens import estimate_usage
from lean_agent.models.usage_report import read_usage
from lean_agent.usage import Usage

__all__ = ["read_answer"]


def read_answer(
    data: Mapping[str, Any],
    request: ModelRequest,
    site: CallSite,
    *,
    seconds: float,
    request_id: str | None,
) -> ModelResponse:
    """The first choice of a chat completion.

    Raises:
        ModelError: there is none, or an error came in its place; with the usage.
    """
    usage = read_usage(data, billed=site.bills)
    choice = _first(data.get("choices"))
    message = wire.as_mapping(choice.get("message"))
    if not message:
        raise _no_answer(data, site, usage or estimate_usage(request, ""), request_id)
    raw_calls: object = message.get("tool_calls")
    if not raw_calls and (legacy := message.get("function_call")):
        raw_calls = [{"function": legacy}]
    calls, malformed = wire.read_tool_calls(
        cast("list[object]", raw_calls) if isinstance(raw_calls, list) else []
    )
    return ModelResponse(
        message=Message("assistant", wire.read_text(message), calls),
        usage=usage or estimate_usage(request, json.dumps(message, ensure_ascii=False)),
        finish_reason=wire.finish_reason(
            choice.get("finish_reason"),
            called=bool(calls or malformed),
            refused=bool(message.get("refusal")),
        ),
        model=site.model,
        timings=wire.read_timings(data, seconds),
        request_id=request_id,
        usage_estimated=usage is None,
        malformed_tool_calls=malformed,
        logprobs=wire.read_logprobs(choice),
    )


def _first(choices: object) -> Mapping[str, Any]:
    if isinstance(choices, list) and choices:
        return wire.as_mapping(cast("list[object]", choices)[0])
    return {}


def _no_answer(
    data: Mapping[str, Any], site: CallSite, usage: Usage, request_id: str | None
) -> LeanAgentError:
    reported: object = data.get("error")
    failure: LeanAgentError
    if reported:
        error = {"message": reported} if isinstance(reported, str) else wire.as_mapping(reported)
        failure = answer_error(error, site, usage)
    else:
        message = f"{site.host} sent no answer"
        failure = ModelError(message, usage=usage, model=site.model, retryable=True)
    if isinstance(failure, ModelError):
        failure.request_id = request_id
    return failure
