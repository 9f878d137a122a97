"""What a tool, gate or planner is handed of the run it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["RunContext"]


def _never(_message: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One per run.

    ``roots`` are the only folders that file tools may read. ``deps`` is whatever the caller gave
    to ``Agent.run(deps=...)``.
    ``log`` takes a line for the person watching, never for the model.
    """

    run_id: str = "-"
    roots: tuple[Path, ...] = ()
    deps: Any = None
    log: Callable[[str], None] = field(default=_never)
