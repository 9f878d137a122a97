"""Action formats: how a model is asked to act, and how what it writes is read.

native   the server's own tool calls
schema   one JSON object a step, constrained by a schema the server enforces
tagged   ``<tool>{...}</tool>`` in free text, for servers that enforce nothing

Which one a model can do is found by a probe (probe.py), not assumed: see local-stack, "What the
model is like". In the schema format the answer is not part of the schema (copying a schema's words
as the answer was measured to harm): the model says ``{"tool": "answer"}`` and then writes the
answer in a plain request.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from lean_agent._text import all_writable, read_json
from lean_agent.errors import InvalidToolCallError
from lean_agent.messages import Message, ToolCall
from lean_agent.model import ActionFormat, ModelResponse
from lean_agent.models.wire import tool_to_wire
from lean_agent.tool_spec import ToolSpec

__all__ = [
    "ACTION_START",
    "ANSWER",
    "Action",
    "Unfinished",
    "action_schema",
    "call_id",
    "final_text",
    "instructions",
    "more_instructions",
    "observations",
    "parse_action",
    "told",
    "unfinished_call",
    "written",
]

ANSWER = "answer"
"""The pseudo-tool by which a model ends its search in the schema format."""

ACTION_START = "{"
"""How every action of the schema format begins. Asked for its answer, the 1.5B model wrote its last
action once more in 45 of 50 runs on PrOntoQA and all 50 on 24 game. With ``{"tool"`` forbidden in
its place it wrote ``{"tool`` and stopped (3 of 4 tries).
"""

_MAX_ARGUMENT_CHARS = 1_000
_MAX_NAME_CHARS = 100  # of a name that is told back; no tool's is longer than 64


@dataclass(frozen=True, slots=True)
class Action:
    """What the model wants: calls, or to answer. ``answer`` is None where it is yet to be written.

    ``message`` is what the history keeps of it.
    """

    message: Message
    calls: tuple[ToolCall, ...] = ()
    answer: str | None = None


_PLACEHOLDERS: Mapping[str, object] = {
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
}


def _example(spec: ToolSpec, name_key: str) -> str:
    """A call of the tool as the model is to write it, and what it does.

    Placeholders rather than examples, and a parameter's own words only where there are several:
    small models were seen to copy whatever stands there as their arguments.
    """
    properties = cast("Mapping[str, Mapping[str, Any]]", spec.parameters.get("properties", {}))
    arguments = {n: _PLACEHOLDERS.get(str(s.get("type")), "...") for n, s in properties.items()}
    call = json.dumps({name_key: spec.name, "arguments": arguments}, separators=(",", ":"))
    about = [f"{n}: {s['description']}" for n, s in properties.items() if "description" in s]
    more = " " + " ".join(about) if len(properties) > 1 and about else ""
    return f"{call} - {spec.description}{more}"


def told(action_format: ActionFormat, spec: ToolSpec) -> str:
    """What a message tells of one tool. Its first line is that of no other tool."""
    if action_format == "native":
        return json.dumps(tool_to_wire(spec)["function"], separators=(",", ":"))
    return _example(spec, "tool" if action_format == "schema" else "name")


def _listing(action_format: ActionFormat, tools: Sequence[ToolSpec]) -> str:
    return "\n".join(told(action_format, spec) for spec in tools)


def instructions(action_format: ActionFormat, tools: Sequence[ToolSpec]) -> str:
    """What a model is told of the tools and how to call them; empty for native calls.

    The order of ``tools`` is kept, so that the text is the same bytes in every run and its tokens
    stay in the server's prefix cache.
    """
    if action_format == "native":
        return ""
    facts = "Facts must come from the tools, not from memory. Look up one thing at a time."
    if action_format == "schema":
        return (
            f"Use tools, one JSON action at a time:\n{_listing(action_format, tools)}\n"
            f'{{"tool":"{ANSWER}"}} - You know enough: finish.\n{facts}'
        )
    return (
        f"Tools:\n{_listing(action_format, tools)}\n"
        'To use one, write <tool>{"name":NAME,"arguments":{...}}</tool> and stop: its result '
        f"comes back. {facts} When you know enough, write the answer as plain text without any tag."
    )


def more_instructions(action_format: ActionFormat, tools: Sequence[ToolSpec]) -> str:
    """What a later message tells of further tools; empty where there are none.

    A server may not let a model call natively what the request did not list: it can write the call.
    """
    if not tools:
        return ""
    written = ' or written as {"name":NAME,"arguments":{...}}' if action_format == "native" else ""
    return f"More tools, called like the others{written}:\n{_listing(action_format, tools)}"


def _bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with a length on every string, so that no string can run on."""
    bounded = {
        k: v for k, v in schema.items() if k not in {"description", "default", "title", "examples"}
    }
    if bounded.get("type") == "string" and not {"enum", "const", "maxLength"} & bounded.keys():
        bounded["maxLength"] = _MAX_ARGUMENT_CHARS
    for key in ("properties", "$defs"):
        if key in bounded:
            inner = cast("dict[str, dict[str, Any]]", bounded[key])
            bounded[key] = {name: _bounded(sub) for name, sub in inner.items()}
    for key in ("anyOf", "oneOf", "allOf"):
        if key in bounded:
            bounded[key] = [_bounded(sub) for sub in cast("list[dict[str, Any]]", bounded[key])]
    if isinstance(bounded.get("items"), dict):
        bounded["items"] = _bounded(cast("dict[str, Any]", bounded["items"]))
    return bounded


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def action_schema(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """The JSON schema of one action: any of the tools with its own arguments, or the answer."""
    branches = [
        _object({"tool": {"const": spec.name}, "arguments": _bounded(spec.parameters)})
        for spec in tools
    ]
    branches.append(_object({"tool": {"const": ANSWER}}))
    return {"anyOf": branches}


def call_id() -> str:
    """One of its own for a call to which no server has given any."""
    return f"call_{uuid.uuid4().hex[:12]}"


_FENCE = re.compile(r"```(?:json|python|tool_code)?\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_TAG = re.compile(r"<(?:tool|tool_call|function_call)>(.*?)(?:</\w+>|\Z)", re.DOTALL)
_NAME_KEYS = ("tool", "name", "function", "action", "tool_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "action_input")


def _decode(text: str) -> Any:
    """JSON, or what a tolerant reader makes of it (trailing commas, wrong quotes, no end)."""
    try:
        return read_json(text)
    except ValueError:
        import json_repair

        try:
            return all_writable(json_repair.loads(text))
        except RecursionError:
            raise InvalidToolCallError("the JSON is nested too deeply") from None


def _as_call(value: object, tools: Mapping[str, ToolSpec]) -> tuple[str, dict[str, Any]] | None:
    """(name, arguments) where ``value`` has the shape of a call, else None."""
    if not isinstance(value, dict):
        return None
    data = cast("dict[str, Any]", value)
    if isinstance(data.get("function"), dict):
        data = cast("dict[str, Any]", data["function"])
    name = next((data[k] for k in _NAME_KEYS if isinstance(data.get(k), str)), None)
    if name is None:
        only = next(iter(data), "")
        if len(data) == 1 and only in tools and isinstance(data[only], dict):
            return only, cast("dict[str, Any]", data[only])
        return None
    arguments: Any = next((data[k] for k in _ARGUMENT_KEYS if k in data), None)
    if isinstance(arguments, str) and arguments.lstrip()[:1] in {"{", "["}:
        arguments = _decode(arguments)
    if arguments is None:
        arguments = {k: v for k, v in data.items() if k not in _NAME_KEYS}
    if not isinstance(arguments, dict):
        spec = tools.get(name)
        required = list(spec.parameters.get("required", ())) if spec else []
        if len(required) != 1:
            raise InvalidToolCallError(
                f"arguments of {name} must be a JSON object, not {type(arguments).__name__}"
            )
        arguments = {required[0]: arguments}
    return name, cast("dict[str, Any]", arguments)


def _pieces(text: str) -> list[tuple[bool, list[str]]]:
    """Groups of pieces that may hold calls, the likeliest first, and whether each was marked.

    A marked piece stands in a tool tag, so it is a call whatever it names; in unmarked JSON only
    the name of a known tool makes a call, since an answer may hold JSON of its own.
    """
    stripped = text.strip()
    start = 0 if stripped[:1] in {"{", "["} else stripped.find('{"')
    return [
        (True, [m.group(1) for m in _TAG.finditer(text)]),
        (False, [m.group(1) for m in _FENCE.finditer(text)]),
        (False, [stripped[start:]] if start >= 0 else []),
    ]


def _written_calls(
    text: str, tools: Mapping[str, ToolSpec], *, all_json: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Calls written as text, from the first group of pieces that holds any.

    ``all_json``: every JSON object is meant as a call, whatever it names.
    """
    for marked, group in _pieces(text):
        values: list[object] = []
        for piece in group:
            value = _decode(piece.strip())
            values += cast("list[object]", value) if isinstance(value, list) else [value]
        calls = [call for value in values if (call := _as_call(value, tools))]
        calls = [c for c in calls if marked or all_json or c[0] in tools or c[0] == ANSWER]
        if calls:
            return calls
    return []


def _checked(name: str, tools: Mapping[str, ToolSpec]) -> str:
    if name not in tools:
        known = ", ".join(tools)
        told = name[:_MAX_NAME_CHARS]
        raise InvalidToolCallError(f"there is no tool called {told!r}; the tools are: {known}")
    return name


def _native(response: ModelResponse, tools: Mapping[str, ToolSpec]) -> Action:
    """The server's own calls; those whose arguments were no JSON are repaired where they can be."""
    message = response.message
    calls = list(message.tool_calls)
    for name, raw in response.malformed_tool_calls:
        value = _decode(raw)
        if not isinstance(value, dict):
            raise InvalidToolCallError(f"arguments of {name} are not a JSON object")
        calls.append(ToolCall(call_id(), name, cast("dict[str, Any]", value)))
    for call in calls:
        _checked(call.name, tools)
    return Action(Message("assistant", message.content, tuple(calls)), tuple(calls))


def parse_action(
    response: ModelResponse, action_format: ActionFormat, tools: Sequence[ToolSpec]
) -> Action:
    """Read what the model wants to do next.

    Text without any call is the answer, except in the schema format, where it is malformed.

    Raises:
        InvalidToolCallError: with one line that tells the model what to mend.
    """
    by_name = {spec.name: spec for spec in tools}
    message = response.message
    begun = response.malformed_tool_calls or "<tool>" in message.content
    if response.finish_reason in {"length", "aborted"} and (begun or action_format == "schema"):
        # Repaired, it would be another call: half a file written, half a command run.
        raise InvalidToolCallError("the action was cut off: write a shorter one")
    if message.tool_calls or response.malformed_tool_calls:
        return _native(response, by_name)
    written = _written_calls(message.content, by_name, all_json=action_format == "schema")
    if any(name == ANSWER and ANSWER not in by_name for name, _ in written):
        return Action(message)
    if written:
        calls = tuple(ToolCall(call_id(), _checked(n, by_name), args) for n, args in written)
        return Action(message, calls)
    if action_format == "schema":
        raise InvalidToolCallError(
            'reply with one JSON object only: {"tool": NAME, "arguments": {...}}'
        )
    return Action(message, answer=message.content.strip())


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A call as far as it is written; ``finished`` says that its last argument is whole."""

    name: str
    arguments: Mapping[str, Any]
    finished: bool


def unfinished_call(
    text: str, action_format: ActionFormat, tools: Sequence[ToolSpec]
) -> Unfinished | None:
    """The call of one of ``tools`` that is being written in ``text``, for a native one in that of
    CallDelta; None if there is none yet.
    """
    piece = text.partition("<tool>")[2] if action_format == "tagged" else text
    if not piece.lstrip().startswith("{"):
        return None
    from pydantic_core import from_json

    try:
        so_far, whole = (from_json(piece, allow_partial=how) for how in ("trailing-strings", True))
        call = _as_call(so_far, {spec.name: spec for spec in tools})
    except (ValueError, InvalidToolCallError):
        return None
    if call is None or call[0] not in {spec.name for spec in tools}:
        return None
    return Unfinished(*call, finished=so_far == whole)


def final_text(text: str, tools: Sequence[ToolSpec]) -> str:
    """The answer in what a model wrote when it was to act no more.

    A small model may still write an action: of the answer's its one text is taken. A call of a tool
    stays as it is written, which says more than nothing; so does JSON of another shape, as it may
    have been asked for.
    """
    said = text.strip()
    tagged = _TAG.fullmatch(said)
    try:
        value = read_json(tagged[1] if tagged else said)
    except ValueError:
        return said
    by_name = {spec.name: spec for spec in tools}
    try:
        name, arguments = _as_call(value, by_name) or ("", {})
    except InvalidToolCallError:
        return said
    if name != ANSWER:
        return said
    texts = [value.strip() for value in arguments.values() if isinstance(value, str)]
    return texts[0] if len(texts) == 1 else ""


def written(call: ToolCall, action_format: ActionFormat) -> Message:
    """The message of a call that the model need not think of. It is written out in each format:
    servers may refuse a native call that is not their own.
    """
    key = "tool" if action_format == "schema" else "name"
    action = {key: call.name, "arguments": dict(call.arguments)}
    text = json.dumps(action, ensure_ascii=False, separators=(",", ":"))
    return Message("assistant", f"<tool>{text}</tool>" if action_format == "tagged" else text)


def observations(
    action_format: ActionFormat, results: Sequence[tuple[ToolCall, str]]
) -> list[Message]:
    """The messages that give tool results back to the model, in the order of the calls."""
    if action_format == "native":
        return [Message("tool", text, tool_call_id=call.id) for call, text in results]
    if len(results) == 1:
        return [Message("user", f"Result of {results[0][0].name}:\n{results[0][1]}")]
    parts = [f"Result {i} ({c.name}):\n{text}" for i, (c, text) in enumerate(results, 1)]
    return [Message("user", "\n\n".join(parts))]
