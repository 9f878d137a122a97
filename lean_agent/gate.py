"""The gate's contract: signals in, a decision with its reason out. Spec: gating."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from lean_agent._semconv import Mode

__all__ = ["Gate", "GateDecision", "Signals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of a task before anything is spent on it.

    ``tools`` are the names offered, ``has_files`` says that folders or files are attached,
    ``domain`` is the one that a planner knows the task to be an instance of, "" for none.
    """

    task: str
    tools: frozenset[str] = frozenset()
    has_files: bool = False
    domain: str = ""
    forced: Mode = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """The mode to run in, and why, in words for a person."""

    mode: Literal["instant", "reason", "agent", "plan"]
    reason: str


class Gate(Protocol):
    """Pure and synchronous: gathering signals may cost something, deciding does not."""

    def decide(self, signals: Signals) -> GateDecision: ...
