"""Requests as OpenAI's chat API takes them, and its answers as they really come.

Servers that call themselves compatible differ in where they put cached tokens, whether arguments
are a string or an object, and what they leave out; reading is tolerant, writing is strict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from lean_agent._text import read_json, writable
from lean_agent.messages import Message, ToolCall
from lean_agent.model import FinishReason, ModelRequest, Timings, TokenLogprob
from lean_agent.tool_spec import ToolSpec

__all__ = [
    "as_mapping",
    "finish_reason",
    "message_to_wire",
    "read_logprobs",
    "read_text",
    "read_timings",
    "read_tool_calls",
    "request_body",
    "tool_to_wire",
]

# Finish reasons beside OpenAI's own, as seen of other servers.
_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
}


def as_mapping(value: object) -> Mapping[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def message_to_wire(message: Message) -> dict[str, Any]:
    """OpenAI's form. Empty text beside tool calls is null, which every server accepts; only what
    has images is told in parts, which some servers know nothing of.
    """
    data = message.to_dict()
    if message.tool_calls and not message.content:
        data["content"] = None
    if data.pop("images", None):
        urls = [f"data:{image.media_type};base64,{image.data}" for image in message.images]
        shown = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        data["content"] = [{"type": "text", "text": message.content}, *shown]
    return data


def tool_to_wire(spec: ToolSpec) -> dict[str, Any]:
    """What the model is told of a tool."""
    return {
        "type": "function",
        "function": {
            "name": spec.name,
            "description": spec.description,
            "parameters": spec.parameters,
        },
    }


def request_body(
    request: ModelRequest,
    *,
    model: str,
    stream: bool,
    max_tokens_name: str = "max_tokens",
    llama_cpp: bool = False,
) -> dict[str, Any]:
    """The JSON body of a call; what the request leaves open is left out.

    ``grammar``, ``not_beginning`` and ``slot`` are sent to llama.cpp only.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [message_to_wire(message) for message in request.messages],
    }
    if request.tools:
        body["tools"] = [tool_to_wire(spec) for spec in request.tools]
        if request.tool_choice != "auto":
            body["tool_choice"] = request.tool_choice
    settings = {
        max_tokens_name: request.max_output_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "logprobs": None if request.top_logprobs is None else True,
        "top_logprobs": request.top_logprobs,
    }
    body |= {name: value for name, value in settings.items() if value is not None}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.response_schema is not None:
        schema = {"name": "response", "strict": True, "schema": request.response_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if llama_cpp and request.grammar is not None:
        body["grammar"] = request.grammar
    elif llama_cpp and request.not_beginning and not (request.response_schema or request.tools):
        body["grammar"] = _not_beginning(request.not_beginning)
    if llama_cpp and request.slot is not None:
        body["id_slot"] = request.slot
    if llama_cpp and stream and request.enough is not None:
        body["timings_per_token"] = True  # so that what is closed early is counted, not estimated
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def _not_beginning(characters: str) -> str:
    """GBNF of all text that is not empty and begins with none of them, after eight blanks at most:
    a small model whose first choice is forbidden may run on in them.
    """
    codes = "".join(f"\\U{ord(character):08X}" for character in characters)
    return rf"root ::= [ \t\r\n]{{0,8}} [^ \t\r\n{codes}] [^\x00]*"


def read_logprobs(choice: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    """Those of a choice, or of a streamed piece of it; what has another form is left out."""
    tokens: object = as_mapping(choice.get("logprobs")).get("content")
    if not isinstance(tokens, list):
        return ()
    return tuple(
        TokenLogprob(*own, dict(_logprobs(data.get("top_logprobs"))))
        for data in map(as_mapping, cast("list[object]", tokens))
        for own in _logprobs([data])
    )


def _logprobs(tokens: object) -> list[tuple[str, float]]:
    found = map(as_mapping, cast("list[object]", tokens) if isinstance(tokens, list) else [])
    return [
        (str(data.get("token")), float(data["logprob"]))
        for data in found
        if isinstance(data.get("logprob"), int | float)
    ]


def read_timings(data: Mapping[str, Any], total: float) -> Timings:
    """llama.cpp's milliseconds as seconds; other servers do not tell prompt and output apart."""
    timings = as_mapping(data.get("timings"))
    prompt, output = timings.get("prompt_ms"), timings.get("predicted_ms")
    return Timings(
        total=total,
        prompt=prompt / 1000 if isinstance(prompt, int | float) else None,
        output=output / 1000 if isinstance(output, int | float) else None,
    )


def read_text(message: Mapping[str, Any]) -> str:
    """The answer's text of a message or delta: reasoning is left out, a refusal is the answer."""
    content: object = message.get("content")
    if isinstance(content, list):
        parts = [as_mapping(part) for part in cast("list[object]", content)]
        content = "".join(part.get("text") or "" for part in parts if part.get("type") == "text")
    if isinstance(content, str) and content:
        return writable(content)
    refusal = message.get("refusal")
    return writable(refusal) if isinstance(refusal, str) else ""


def _arguments(raw: object) -> tuple[dict[str, Any] | None, str]:
    """The decoded object, or None and the text that is none. A call without any is an empty one."""
    if isinstance(raw, dict):
        return cast("dict[str, Any]", raw), ""
    text = raw if isinstance(raw, str) else json.dumps(raw)
    if raw is None or not text.strip():
        return {}, ""
    try:
        value = read_json(text)
    except ValueError:
        return None, text
    return (cast("dict[str, Any]", value), "") if isinstance(value, dict) else (None, text)


def read_tool_calls(
    calls: Sequence[object],
) -> tuple[tuple[ToolCall, ...], tuple[tuple[str, str], ...]]:
    """Well-formed calls, and (name, raw arguments) of those whose arguments are no JSON object."""
    good: list[ToolCall] = []
    malformed: list[tuple[str, str]] = []
    for index, call in enumerate(calls):
        data = as_mapping(call)
        function = as_mapping(data.get("function"))
        name = str(function.get("name") or "")
        arguments, raw = _arguments(function.get("arguments"))
        if arguments is None or not name:
            malformed.append((name, raw or json.dumps(arguments)))
        else:
            good.append(ToolCall(str(data.get("id") or f"call_{index}"), name, arguments))
    return tuple(good), tuple(malformed)


def finish_reason(raw: object, *, called: bool, refused: bool = False) -> FinishReason:
    """OpenAI's word for why the model stopped; unknown words and none count as stop."""
    if refused:
        return "content_filter"
    reason = _FINISH_REASONS.get(raw, "stop") if isinstance(raw, str) else "stop"
    return "tool_calls" if called and reason == "stop" else reason
