"""Entries with round numbers, and ledgers made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Provenance, Usage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def entry(cost: str | None = "0.5", provenance: Provenance = "measured", **fields: Any) -> Entry:
    """A call of 110 tokens at noon; what is billed is what the price table says."""
    money = None if cost is None else Decimal(cost)
    usage = Usage(
        input_tokens=100,
        cache_read_input_tokens=40,
        output_tokens=10,
        cost=money,
        provenance=frozenset([provenance]),
    )
    given: dict[str, Any] = {
        "run_id": "run-a",
        "operation": "chat",
        "purpose": "answer",
        "usage": usage,
        "list_cost": money,
        "ts": NOON,
        "provider": "openai",
        "model": "big",
    }
    return Entry(**(given | fields))


def run_row(run_id: str, **fields: Any) -> Entry:
    """The row of a run itself."""
    given: dict[str, Any] = {
        "id": run_id,
        "run_id": run_id,
        "operation": "invoke_agent",
        "purpose": "run",
        "usage": Usage(),
        "ts": NOON,
    }
    return Entry(**(given | fields))


def write(folder: Path, *entries: Entry) -> Path:
    """One segment with these entries, sealed; its path."""
    before = set((folder / "segments").glob("*"))
    ledger = Ledger(folder)
    for each in entries:
        ledger.append(each)
    ledger.close()
    (path,) = set((folder / "segments").glob("*")) - before
    return path
