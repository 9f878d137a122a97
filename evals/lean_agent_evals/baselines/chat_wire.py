"""OpenAI's chat API from the server's side: a request read, an answer written."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from lean_agent import Message, ModelRequest, ModelResponse, ToolCall
from lean_agent.errors import InvalidToolCallError
from lean_agent.messages import Role
from lean_agent.models import wire
from lean_agent.models.actions import parse_action
from lean_agent.tool_spec import ToolSpec

__all__ = ["BadRequestError", "read_request", "write_answer"]

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_CHOICES = ("auto", "none", "required")
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_CALL_BEGINS = ("<tool", "<function_call", "```", "{", "[")


class BadRequestError(Exception):
    """The request cannot be served; the message says why, in one line."""


def read_request(body: object) -> ModelRequest:
    """What a client asks for. What only tells the server about itself (user, metadata) is left out.

    Raises:
        BadRequestError: it is no chat request, or asks for what is not offered.
    """
    data = wire.as_mapping(body)
    messages = _list(data, "messages")
    if not messages:
        raise BadRequestError("messages is missing")
    if data.get("stream"):
        raise BadRequestError("streaming is not offered")
    if data.get("n") not in {None, 1}:
        raise BadRequestError("one choice only: n must be 1")
    form = wire.as_mapping(data.get("response_format")).get("type", "text")
    if form != "text":
        raise BadRequestError(f"the response format {form!r} is not offered")
    stop = data.get("stop")
    return ModelRequest(
        messages=tuple(_message(wire.as_mapping(message)) for message in messages),
        tools=tuple(_tool(wire.as_mapping(tool)) for tool in _list(data, "tools")),
        tool_choice=_choice(data.get("tool_choice")),
        max_output_tokens=_tokens(data),
        stop=(stop,) if isinstance(stop, str) else tuple(str(s) for s in _list(data, "stop")),
    )


def _list(data: Mapping[str, Any], name: str) -> list[object]:
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequestError(f"{name} is no list")
    return cast("list[object]", value)


def _tokens(data: Mapping[str, Any]) -> int | None:
    value = data.get("max_completion_tokens", data.get("max_tokens"))
    if value is not None and (not isinstance(value, int) or value < 1):
        raise BadRequestError(f"max_tokens is {value!r}, it must be 1 or more")
    return value


def _choice(value: object) -> Literal["auto", "none", "required"]:
    if value is None:
        return "auto"
    if value not in _CHOICES:
        raise BadRequestError(f"tool_choice must be one of {', '.join(_CHOICES)}")
    return value


def _message(data: Mapping[str, Any]) -> Message:
    role = _ROLES.get(str(data.get("role")))
    if role is None:
        raise BadRequestError(f"no message has the role {data.get('role')!r}")
    content = data.get("content")
    parts = cast("list[object]", content) if isinstance(content, list) else []
    if any(wire.as_mapping(part).get("type") != "text" for part in parts):
        raise BadRequestError("messages of text only")
    calls, malformed = wire.read_tool_calls(_list(data, "tool_calls"))
    # A call nobody could read stays in the history, beside the complaint that answers it.
    ids = [str(wire.as_mapping(call).get("id")) for call in _list(data, "tool_calls")]
    lost = [identity for identity in ids if identity not in {call.id for call in calls}]
    unread = [
        ToolCall(identity, name, {"unreadable": raw})
        for identity, (name, raw) in zip(lost, malformed, strict=False)
    ]
    answered = data.get("tool_call_id")
    return Message(
        role,
        wire.read_text(data),
        (*calls, *unread),
        str(answered) if answered is not None else None,
    )


def _tool(data: Mapping[str, Any]) -> ToolSpec:
    function = wire.as_mapping(data.get("function"))
    if not function.get("name"):
        raise BadRequestError("a tool has no function with a name")
    return ToolSpec(
        name=str(function["name"]),
        description=str(function.get("description") or ""),
        parameters=wire.as_mapping(function.get("parameters")) or {"type": "object"},
    )


def write_answer(
    response: ModelResponse, tools: Sequence[ToolSpec], *, number: int
) -> dict[str, Any]:
    """A chat completion. ``number`` is that of the answer, from 1.

    Calls that the model wrote as text become tool calls by the same reader as our agent's. Ids of
    calls are the same whenever the same answer is given again.
    """
    content, calls = _calls(response, tools, number)
    usage = response.usage
    reason = "tool_calls" if calls else response.finish_reason
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": response.model,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": content or (None if calls else ""),
                    **({"tool_calls": calls} if calls else {}),
                },
                "finish_reason": "length" if reason == "aborted" else reason,
            }
        ],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read_input_tokens},
        },
    }


def _invented(text: str) -> tuple[ToolCall, ...]:
    """A call of a tool that there is not, as llama.cpp's server reads it: nothing but its JSON.

    The framework tells the model which tools there are.
    """
    try:
        value: object = json.loads(_FENCE.sub("", text.strip()))
    except ValueError:
        return ()
    call = wire.as_mapping(value)
    name, arguments = call.get("name"), call.get("arguments")
    if set(call) != {"name", "arguments"} or not isinstance(name, str):
        return ()
    return (ToolCall("", name, wire.as_mapping(arguments)),)


def _calls(
    response: ModelResponse, tools: Sequence[ToolSpec], number: int
) -> tuple[str, list[dict[str, Any]]]:
    """The text that remains, and the calls in wire form."""
    text, calls = _read_calls(response, tools)
    # Numbered, whatever the server calls them: some repeat their ids in the next answer.
    numbered = [call | {"id": f"call_{number:04}_{index:02}"} for index, call in enumerate(calls)]
    return text, numbered


def _read_calls(
    response: ModelResponse, tools: Sequence[ToolSpec]
) -> tuple[str, list[dict[str, Any]]]:
    message, malformed = response.message, response.malformed_tool_calls
    own = [call.to_dict() for call in message.tool_calls]
    if not tools or (own and not malformed):
        return message.content, own
    try:
        read = parse_action(response, "native", tools).calls or _invented(message.content)
    except InvalidToolCallError:
        functions = [{"name": name, "arguments": raw} for name, raw in malformed]
        return message.content, own + [{"type": "function", "function": f} for f in functions]
    calls = [call.to_dict() for call in read]
    if malformed or not calls:
        return message.content, calls
    found = [at for mark in _CALL_BEGINS if (at := message.content.find(mark)) >= 0]
    return message.content[: min(found, default=0)].strip(), calls
