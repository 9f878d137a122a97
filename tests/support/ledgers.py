"""Ledgers with known entries, for what reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Provenance, Usage

__all__ = ["AGENT_RUN", "INSTANT_RUN", "NOON", "used", "write_runs"]

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()
AGENT_RUN = "a1b2c3d4" * 4
INSTANT_RUN = "0f1e2d3c" * 4


def used(
    cost: str | None,
    *provenance: Provenance,
    uncached: int = 0,
    cached: int = 0,
    output: int = 0,
) -> Usage:
    """Tokens and US dollars of one call."""
    return Usage(
        input_tokens=uncached + cached,
        cache_read_input_tokens=cached,
        output_tokens=output,
        cost=None if cost is None else Decimal(cost),
        provenance=frozenset(provenance),
    )


def write_runs(folder: Path) -> None:
    """Two runs in the ledger in ``folder``.

    The first acts, in a hosted model: a call that fails and is tried again, two tools, a call that
    the response cache serves and one that never ended. The second day's is one call of a model on
    the user's own machine.
    """
    ledger = Ledger(folder)
    for entry in (*_agent_run(), *_instant_run()):
        ledger.append(entry)
    ledger.close()


def _agent_run() -> list[Entry]:
    def row(number: int, at: float, **fields: Any) -> Entry:
        known: dict[str, Any] = {
            "id": f"{number:032x}",
            "ts": NOON + at,
            "run_id": AGENT_RUN,
            "parent_id": AGENT_RUN,
            "operation": "chat",
            "purpose": "act",
            "mode": "agent",
            "provider": "openai",
            "model": "gpt-5-mini",
            "finish_reason": "stop",
        }
        return Entry(**(known | fields))

    def bill(cost: str, provenance: Provenance = "measured", **tokens: int) -> dict[str, Any]:
        return {"usage": used(cost, provenance, **tokens), "list_cost": Decimal(cost)}

    root: dict[str, Any] = {
        "id": AGENT_RUN,
        "parent_id": None,
        "operation": "invoke_agent",
        "purpose": "run",
        "provider": "",
        "model": "",
        "usage": Usage(),
    }
    tool: dict[str, Any] = {
        "parent_id": f"{3:032x}",
        "operation": "execute_tool",
        "purpose": "tool",
        "provider": "",
        "model": "",
        "usage": Usage(),
        "finish_reason": "done",
    }
    served = {"usage": used("0", "served"), "list_cost": Decimal("0.0004"), "saved_tokens": 1_120}
    return [
        row(1, 0, **root, state="open", finish_reason=None),
        row(2, 0.1, step=1, seconds=0.4, error_type="rate_limit", finish_reason=None, usage=Usage(),
            list_cost=Decimal(0)),
        row(3, 1, step=1, seconds=1.25, attempt=2, **bill("0.00125", uncached=1_020, output=45)),
        row(4, 2.3, step=1, tool="search", seconds=0.021, **tool),
        row(5, 2.3, step=1, tool="calculator", seconds=0.002, **tool | {"error_type": "tool"}),
        row(6, 3, step=2, seconds=0.0, purpose="act", **served | {"finish_reason": "served"}),
        row(7, 3.1, step=3, seconds=2.5, purpose="answer", finish_reason="length",
            **bill("0.0009", "estimated", uncached=300, cached=900, output=120)),
        row(8, 6, step=4, purpose="verify", state="open", finish_reason=None,
            **bill("0.0001", "estimated", uncached=400)),
        row(9, 0, **root, seconds=6.5, step=4, finish_reason="limit_exceeded"),
    ]  # fmt: skip


def _instant_run() -> list[Entry]:
    known: dict[str, Any] = {"ts": NOON + 86_400, "run_id": INSTANT_RUN, "mode": "instant"}
    call = Entry(
        id=f"{11:032x}",
        parent_id=INSTANT_RUN,
        operation="chat",
        purpose="answer",
        provider="local",
        model="qwen2.5-coder-1.5b",
        usage=used("0", "self_hosted", uncached=210, output=12),
        list_cost=Decimal(0),
        step=1,
        seconds=0.8,
        finish_reason="stop",
        **known,
    )
    run = Entry(
        id=INSTANT_RUN,
        operation="invoke_agent",
        purpose="run",
        usage=Usage(),
        seconds=0.9,
        step=1,
        finish_reason="completed",
        **known,
    )
    return [call, run]
