"""Chats in OpenAI's form, one a line: ``messages`` and, if need be, ``tools``.

What the system (or developer) says first is the instructions, what the user says first the
question. A turn of the assistant that calls no tool is its answer if it is the last, and else the
action ``respond`` (tau-bench's name for it, arXiv 2406.12045), to which the user's next words are
the observation. Tools' definitions are not kept. Nobody judged these runs, so reward and passed
stay unknown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from lean_agent.trajectory.importers.importer import JsonLinesImporter
from lean_agent.trajectory.record import Source, Step, Trajectory

__all__ = ["OPENAI_CHAT"]

_INSTRUCTING = ("system", "developer")


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Text(_Strict):
    type: Literal["text"]
    text: str


class _Function(_Strict):
    name: str = Field(min_length=1)
    arguments: str | dict[str, Any]


class _Call(_Strict):
    id: str = Field(min_length=1)
    type: Literal["function"] = "function"
    function: _Function


class _Message(_Strict):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Text] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    function_call: None = None  # the form of 2023

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Chat(_Strict):
    messages: Annotated[list[_Message], Field(min_length=2)]


def _convert(data: Any, file: str, line: int) -> Trajectory:
    messages = _Chat.model_validate(data).messages
    told = _before(messages, 0, _INSTRUCTING)
    asked = _before(messages, told, ("user",))
    if asked == told:
        raise ValueError(f"messages.{told}: no question of the user's before anything else")
    question = _joined(messages[told:asked])
    steps = _steps(messages, asked)
    last = steps[-1]
    return Trajectory(
        id=f"openai-chat:{file}:{line}",
        task_id=question,
        question=question,
        instructions=_joined(messages[:told]),
        steps=steps,
        output=last.arguments["argument"] if last.kind == "answer" else "",
        source=Source(format="openai-chat", file=file, line=line),
    )


def _before(messages: Sequence[_Message], start: int, roles: Sequence[str]) -> int:
    """Where the first message of another role is, from ``start`` on."""
    others = (n for n, m in enumerate(messages) if n >= start and m.role not in roles)
    return next(others, len(messages))


def _joined(messages: Sequence[_Message]) -> str:
    return "\n\n".join(message.text for message in messages)


def _steps(messages: Sequence[_Message], start: int) -> list[Step]:
    steps: list[Step] = []
    turn = 0
    number = start
    while number < len(messages):
        message, where = messages[number], f"messages.{number}"
        if message.role != "assistant":
            raise ValueError(f"{where}.role: {message.role} where the assistant's turn is")
        answered_by = "tool" if message.tool_calls else "user"
        end = _before(messages, number + 1, (answered_by,))
        following = messages[number + 1 : end]
        if message.tool_calls:
            seen = _results(message.tool_calls, following, where, last=end == len(messages))
            steps += _acts(turn, message, seen, where)
        elif not message.text.strip():
            raise ValueError(f"{where}: the assistant says and does nothing")
        else:
            steps.append(_spoken(turn, message.text, following, last=end == len(messages)))
        turn += 1
        number = end
    if not steps:
        raise ValueError("messages: the assistant does nothing")
    return steps


def _spoken(turn: int, text: str, following: Sequence[_Message], *, last: bool) -> Step:
    if following:
        heard = _joined(following)
        return Step(turn=turn, action="respond", arguments={"content": text}, observation=heard)
    if last:
        return Step(turn=turn, kind="answer", action="answer", arguments={"argument": text})
    return Step(turn=turn, kind="think", thought=text)


def _acts(turn: int, message: _Message, seen: Sequence[str], where: str) -> list[Step]:
    calls = message.tool_calls or []
    return [
        Step(
            turn=turn,
            action=call.function.name,
            arguments=_arguments(call.function, where),
            thought="" if first else message.text,
            observation=observation,
        )
        for first, (call, observation) in enumerate(zip(calls, seen, strict=True))
    ]


def _arguments(function: _Function, where: str) -> dict[str, Any]:
    if isinstance(function.arguments, dict):
        return function.arguments
    try:
        found: Any = json.loads(function.arguments)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{where}: the arguments of {function.name} are no JSON object")
    return cast("dict[str, Any]", found)


def _results(
    calls: Sequence[_Call], following: Sequence[_Message], where: str, *, last: bool
) -> list[str]:
    """What came of each call. Where the chat ends with calls, nothing need have come yet."""
    ids = [call.id for call in calls]
    seen = {message.tool_call_id: message.text for message in following}
    if len(set(ids)) < len(ids) or len(seen) < len(following):
        raise ValueError(f"{where}: two calls or two results have the same id")
    if strange := [name for name in seen if name not in ids]:
        raise ValueError(f"{where}: a result answers no call: {strange[0]}")
    if missing := [name for name in ids if name not in seen and not last]:
        raise ValueError(f"{where}: a call has no result: {missing[0]}")
    return [seen.get(name, "") for name in ids]


OPENAI_CHAT = JsonLinesImporter(
    "openai-chat",
    "chats in OpenAI's form",
    frozenset({"messages"}),
    _convert,
)
