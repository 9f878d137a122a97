"""How answers are read that no fake server needs to send: shapes seen of real ones."""

from __future__ import annotations

from typing import Any

import pytest

from lean_agent.messages import ToolCall
from lean_agent.models import wire


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "a"}, "a"),
        ({"content": None}, ""),
        ({}, ""),
        ({"content": [{"type": "thinking", "text": "x"}, {"type": "text", "text": "a"}]}, "a"),
        ({"content": None, "refusal": "no"}, "no"),
        ({"content": 7}, ""),
    ],
)
def test_text(message: dict[str, Any], text: str) -> None:
    assert wire.read_text(message) == text


def test_arguments_may_be_an_object_and_ids_may_be_missing() -> None:
    calls, malformed = wire.read_tool_calls(
        [
            {"function": {"name": "a", "arguments": {"x": 1}}},
            {"id": "", "function": {"name": "b", "arguments": None}},
            {"id": "z", "function": {"name": "", "arguments": "{}"}},
            {"id": "z", "function": {"name": "c", "arguments": "null"}},
            "nonsense",
        ]
    )
    assert calls == (ToolCall("call_0", "a", {"x": 1}), ToolCall("call_1", "b", {}))
    assert malformed == (("", "{}"), ("c", "null"), ("", "{}"))


@pytest.mark.parametrize(
    ("raw", "called", "expected"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("length", True, "length"),
        ("max_tokens", False, "length"),
        ("function_call", True, "tool_calls"),
        ("eos_token", False, "stop"),
        (None, False, "stop"),
        (3, False, "stop"),
    ],
)
def test_finish_reasons(raw: object, called: bool, expected: str) -> None:
    assert wire.finish_reason(raw, called=called) == expected
