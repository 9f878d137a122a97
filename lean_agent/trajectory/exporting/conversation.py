"""A trajectory as chat messages: the prompt, and what the model did about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from lean_agent.trajectory.record import Step, Trajectory

__all__ = ["Tools", "completion", "prompt", "unfit"]

Message = dict[str, Any]
ToolNames = Mapping[str, Iterable[str]]


class Tools:
    """The tools that were called, as definitions: of their arguments only the names are known."""

    def __init__(self) -> None:
        self._arguments: dict[str, dict[str, None]] = {}

    def add(self, found: Trajectory) -> None:
        """Note what this one calls."""
        for step in found.steps:
            if step.kind == "act":
                names = self._arguments.setdefault(step.action, {})
                names.update(dict.fromkeys(step.arguments))

    def definitions(self, found: Trajectory) -> list[dict[str, Any]]:
        """Those that this one calls, sorted by name."""
        called = sorted({step.action for step in found.steps if step.kind == "act"})
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "parameters": {
                        "type": "object",
                        "properties": {each: {} for each in sorted(self._arguments[name])},
                    },
                },
            }
            for name in called
        ]


def unfit(found: Trajectory) -> str | None:
    """Why it is no conversation, None if it is one."""
    answers = [index for index, step in enumerate(found.steps) if step.kind == "answer"]
    if not found.question.strip():
        return "without a question"
    if not any(step.kind != "think" for step in found.steps):
        return "without an action or an answer"
    if len(answers) > 1:
        return "with several answers, which is no conversation"
    if answers and answers[0] != len(found.steps) - 1:
        return "with actions after the answer"
    return None


def prompt(found: Trajectory) -> list[Message]:
    """The instructions and the question."""
    messages = [{"role": "user", "content": found.question}]
    if found.instructions:
        messages.insert(0, {"role": "system", "content": found.instructions})
    return messages


def completion(found: Trajectory, *, arguments_as_text: bool) -> list[Message]:
    """What the model wrote and was told, beginning and ending with the model.

    ``arguments_as_text``: OpenAI has a call's arguments as a JSON text, Hugging Face's templates
    as an object. Thoughts that asked for nothing are joined to the next thing that was done. What
    came of the last action is left out: nothing was said to it.
    """
    messages: list[Message] = []
    thoughts: list[str] = []
    calls = 0
    for _, turn in groupby(found.steps, key=lambda step: step.turn):
        steps = list(turn)
        thoughts += [step.thought for step in steps if step.thought]
        acts = [step for step in steps if step.kind == "act"]
        if steps[-1].kind == "answer":
            text = "\n\n".join([*thoughts, str(steps[-1].arguments.get("argument", ""))])
            messages.append({"role": "assistant", "content": text})
        elif acts:
            names = [f"call_{calls + number}" for number in range(1, len(acts) + 1)]
            calls += len(acts)
            made = [
                _call(name, step, arguments_as_text=arguments_as_text)
                for name, step in zip(names, acts, strict=True)
            ]
            content = "\n\n".join(thoughts)
            messages.append({"role": "assistant", "content": content, "tool_calls": made})
            messages += [
                {"role": "tool", "tool_call_id": name, "content": step.observation}
                for name, step in zip(names, acts, strict=True)
            ]
        else:
            continue
        thoughts = []
    while messages[-1]["role"] == "tool":
        messages.pop()
    return messages


def _call(name: str, step: Step, *, arguments_as_text: bool) -> Message:
    arguments: Any = step.arguments
    if arguments_as_text:
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {
        "id": name,
        "type": "function",
        "function": {"name": step.action, "arguments": arguments},
    }
