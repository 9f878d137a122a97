"""What earlier parts of a run spent, by its rows in the ledger."""

from __future__ import annotations

from typing import Any

import pytest

from lean_agent.runtime.resuming import Earlier
from lean_agent.runtime.state import start_state


def row(**fields: Any) -> dict[str, Any]:
    known = {"purpose": "tool", "state": "closed", "attempt": 1, "provenance": "", "cost": None}
    tokens = dict.fromkeys(
        (
            "input_tokens", "output_tokens", "cache_read_input_tokens",
            "cache_creation_input_tokens", "reasoning_output_tokens",
        ),
        0,
    )  # fmt: skip
    return {**known, **tokens, **fields}


@pytest.mark.parametrize(
    ("operation", "state", "outcome", "calls"),
    [
        ("execute_tool", "closed", "done", 1),
        ("execute_tool", "closed", "cancelled", 1),
        ("execute_tool", "open", None, 1),
        ("execute_tool", "closed", "served", 0),
        ("execute_tool", "closed", "refused", 0),
        ("plan", "closed", "cancelled", 0),
    ],
)
def test_calls_of_tools_that_were_made_are_counted(
    operation: str, state: str, outcome: str | None, calls: int
) -> None:
    found = row(operation=operation, state=state, finish_reason=outcome)
    assert Earlier.of(start_state("x", "auto", []), [found]).amount.tool_calls == calls
