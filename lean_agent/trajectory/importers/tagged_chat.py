"""Function-calling chats with everything in tags, as WebDancer and other Qwen agents write them.

An assistant message holds ``<think>``, then ``<tool_call>`` with a JSON object or ``<answer>``; the
user message that follows a call holds ``<tool_response>``. The task is what follows ``User:`` in
the first user message. Nobody judged these runs, so reward and passed stay unknown.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lean_agent.trajectory.importers.importer import JsonLinesImporter
from lean_agent.trajectory.record import Source, Step, Trajectory

__all__ = ["TAGGED_CHAT"]

_TURN = re.compile(
    r"\s*(?:<think>(?P<thought>.*?)</think>)?\s*"
    r"(?:(?P<calls>(?:<tool_call>(?:(?!</tool_call>).)*</tool_call>\s*)+)"
    r"|<answer>(?P<answer>.*?)</answer>)\s*",
    re.DOTALL,
)
_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_RESPONSE = re.compile(r"<tool_response>(.*?)</tool_response>", re.DOTALL)
_ASKED = "\n\nUser: "


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)
    role: Literal["system", "user", "assistant"]
    content: str


class _Chat(BaseModel):
    model_config = ConfigDict(strict=True)
    messages: list[_Message] = Field(min_length=2)
    answer: list[list[str] | str] = []
    tag: str = ""


class _Call(BaseModel):
    model_config = ConfigDict(strict=True)
    name: str = Field(min_length=1)
    arguments: dict[str, Any]


def _convert(data: Any, file: str, line: int) -> Trajectory:
    chat = _Chat.model_validate(data)
    messages = chat.messages
    opening = next((n for n, m in enumerate(messages) if m.role == "assistant"), len(messages))
    told, (asked,) = messages[: opening - 1], messages[opening - 1 : opening] or [None]
    if asked is None or asked.role != "user":
        raise ValueError("messages: no user message before the first of the assistant")
    before, _, question = asked.content.rpartition(_ASKED)
    steps = _steps(messages, opening)
    if steps[-1].kind != "answer":
        raise ValueError("messages: the last one has no <answer>")
    return Trajectory(
        id=f"tagged-chat:{file}:{line}",
        task_id=question,
        question=question,
        answers=[
            a for group in chat.answer for a in ([group] if isinstance(group, str) else group)
        ],
        instructions="\n\n".join([*(m.content for m in told), before]).strip(),
        steps=steps,
        output=steps[-1].arguments["argument"],
        source=Source(format="tagged-chat", file=file, line=line),
    )


def _steps(messages: list[_Message], opening: int) -> list[Step]:
    steps: list[Step] = []
    number = opening
    turn = 0
    while number < len(messages):
        where = f"messages.{number}"
        if messages[number].role != "assistant":
            raise ValueError(f"{where}.role: {messages[number].role} where the assistant's turn is")
        found = _TURN.fullmatch(messages[number].content)
        if found is None:
            raise ValueError(f"{where}.content: neither a tool call nor an answer in whole tags")
        thought, calls, answer = found["thought"] or "", found["calls"], found["answer"]
        if answer is not None:
            given = {"argument": answer.strip()}
            step = Step(turn=turn, kind="answer", action="answer", arguments=given, thought=thought)
            steps.append(step)
            if number + 1 < len(messages):
                raise ValueError(f"messages.{number + 1}: there is more after the answer")
            break
        made = [_call(text, where) for text in _CALL.findall(calls)]
        seen = _responses(messages, number + 1)
        if len(seen) != len(made):
            raise ValueError(
                f"messages.{number + 1}: {len(seen)} tool responses to {len(made)} calls"
            )
        for first, (call, observation) in enumerate(zip(made, seen, strict=True)):
            steps.append(
                Step(
                    turn=turn,
                    action=call.name,
                    arguments=call.arguments,
                    thought="" if first else thought,
                    observation=observation,
                )
            )
        number += 2
        turn += 1
    if not steps:
        raise ValueError("messages: the assistant does nothing")
    return steps


def _responses(messages: list[_Message], number: int) -> list[str]:
    if number == len(messages):
        return []
    return [text.strip() for text in _RESPONSE.findall(messages[number].content)]


def _call(text: str, where: str) -> _Call:
    try:
        return _Call.model_validate(json.loads(text))
    except ValueError as error:
        raise ValueError(f"{where}.content: a tool call is damaged: {_short(error)}") from None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


TAGGED_CHAT = JsonLinesImporter(
    "tagged-chat",
    "chats with <think>, <tool_call> and <answer> in the text",
    frozenset({"messages", "type", "task"}),
    _convert,
)
