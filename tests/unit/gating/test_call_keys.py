"""Which calls are the same."""

from __future__ import annotations

from typing import Any

import pytest

from lean_agent.gating.call_keys import call_key, loose_key
from lean_agent.tool_spec import ToolSpec

SPEC = ToolSpec(
    name="find",
    description="Find.",
    parameters={
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "code": {"type": "string"},
            "k": {"type": "integer", "default": 5},
            "exact": {"type": "boolean", "default": True},
            "at": {"type": "number"},
        },
    },
    word_parameters=frozenset({"query"}),
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"query": "tin", "k": 3}, {"k": 3, "query": "tin"}, True),
        ({"query": "tin"}, {"query": "tin", "k": 5}, True),
        ({"query": "tin"}, {"query": "tin", "k": 5.0}, True),
        ({"query": "tin"}, {"query": "tin", "exact": True}, True),
        ({"query": "tin"}, {"query": "tin", "exact": 1}, False),
        ({"query": "tin"}, {"query": "tin", "k": 1}, False),
        ({"at": 2}, {"at": 2.0}, True),
        ({"at": 2}, {"at": 2.5}, False),
        ({"query": "Tin  melts "}, {"query": "tin melts"}, True),
        ({"query": "tin melts"}, {"query": "tinmelts"}, False),
        ({"code": "A = 1"}, {"code": "a = 1"}, False),
        ({"code": "if x:\n  y"}, {"code": "if x:\n y"}, False),
        ({"code": "1"}, {"code": 1}, False),
    ],
)
def test_the_same_call(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (call_key(SPEC, one) == call_key(SPEC, other)) is same


def test_loosely_case_and_blanks_make_no_other_call() -> None:
    assert loose_key(SPEC, {"code": " A  = 1"}) == loose_key(SPEC, {"code": "a = 1"})
    assert loose_key(SPEC, {"code": "a = 1"}) != loose_key(SPEC, {"code": "a = 2"})


def test_what_is_no_json_still_has_a_key() -> None:
    assert call_key(SPEC, {"code": {1, 2}}) == call_key(SPEC, {"code": {1, 2}})
