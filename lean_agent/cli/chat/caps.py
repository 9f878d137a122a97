"""At a cap a person chooses: raise it and go on, keep the answer so far, or drop it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lean_agent.ledger.budget import Budget
from lean_agent.result import RunResult

__all__ = ["may_go_on", "raised", "raising"]


def may_go_on(result: RunResult) -> bool:
    """Whether raising the run's own limit lets it go on."""
    return (
        result.exit_status == "limit_exceeded"
        and result.resumable
        and result.limit_of == "run"
        and result.limit is not None
    )


def raised(result: RunResult, budget: Budget) -> Budget:
    """The budget with the limit that ended the run doubled."""
    limits: dict[str, Any] = asdict(budget)
    limit = result.limit or ""
    return Budget(**{**limits, limit: 2 * limits[limit] or 1})


def raising(result: RunResult, budget: Budget) -> str:
    """What the person is asked."""
    limit = result.limit or ""
    new = getattr(raised(result, budget), limit)
    amount = f"${new}" if limit == "usd" else f"{new:,} {limit.replace('_', ' ')}"
    return f"[r]aise it to {amount} and go on, [f]inish with this answer, [s]top? "
