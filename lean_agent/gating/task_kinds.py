"""The kinds that a task is of, by which what was tried is counted. Spec: gating, step 2."""

from __future__ import annotations

from typing import Final

from lean_agent.gate import Signals
from lean_agent.gating.tool_kinds import kinds
from lean_agent.gating.words import asks

__all__ = ["SMALL_TALK", "task_kinds"]

SMALL_TALK: Final = " | small talk"
"""How the narrowest kind of small talk ends."""


def task_kinds(signals: Signals) -> tuple[str, str, str]:
    """From the widest, which is of all tasks, to those with the same kinds of tools and words."""
    tools = kinds(signals.tools, has_files=signals.has_files) or "no tools"
    return ("", tools, f"{tools} | {asks(signals.task) or 'plain'}")
