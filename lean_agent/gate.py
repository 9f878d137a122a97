"""The gate's contract: signals in, a decision with its reason out. Spec: gating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lean_agent._semconv import Mode

__all__ = ["ChosenMode", "Gate", "GateDecision", "Prediction", "Signals", "Way"]

ChosenMode = Literal["instant", "reason", "agent", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of a task before anything is spent on it.

    ``tools`` are the names offered, ``has_files`` says that folders or files are attached,
    ``domain`` is the one that a planner knows the task to be an instance of, "" for none.
    ``names_held``: whether a name in the task stands in what the tools search; None where there is
    no name, or no tool can tell.
    """

    task: str
    tools: frozenset[str] = frozenset()
    has_files: bool = False
    domain: str = ""
    names_held: bool | None = None
    forced: Mode = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A mode; or one, and ``then`` another where the confidence in its answer is below ``sure``.

    In a cascade ``model`` names the model that begins, and ``then_model`` the one that goes on; ""
    is the one that the run goes by anyway.
    """

    mode: ChosenMode
    then: ChosenMode | None = None
    sure: float = 0.0
    model: str = ""
    then_model: str = ""

    @property
    def name(self) -> str:
        """By the modes alone: what a model's profile counts it by."""
        return f"{self.mode}>{self.then}" if self.then else self.mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a way of doing a task is expected to come to.

    ``pass_rate`` is 0 to 1, ``cost`` that of an attempt in token units (uncached input + 0.1 x
    cached + 4 x output), in a cascade those of its first model; ``tried`` how many attempts at
    tasks like it that rests on.
    """

    way: Way
    pass_rate: float
    cost: float
    tried: int

    @property
    def cost_of_pass(self) -> float:
        """Infinite where nothing is expected to pass."""
        return self.cost / self.pass_rate if self.pass_rate else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """The way to take, and why, in words for a person.

    ``predictions`` are those that it was chosen by, one for each way that was open to choice; none
    where a rule or the caller decided. ``kinds`` are those that the task is of, the widest first:
    what it comes to is counted by them.
    """

    way: Way
    reason: str
    predictions: tuple[Prediction, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def mode(self) -> ChosenMode:
        """The mode to begin in."""
        return self.way.mode

    def to_dict(self) -> Mapping[str, Any]:
        """Plain JSON types."""
        return {
            "mode": self.mode,
            "then": self.way.then,
            "sure": self.way.sure,
            "model": self.way.model,
            "then_model": self.way.then_model,
            "reason": self.reason,
            "kinds": list(self.kinds),
            "predictions": [
                {
                    "way": one.way.name,
                    "model": one.way.model,
                    "then_model": one.way.then_model,
                    "pass_rate": one.pass_rate,
                    "cost": one.cost,
                    "tried": one.tried,
                }
                for one in self.predictions
            ],
        }


class Gate(Protocol):
    """Pure and synchronous: gathering signals may cost something, deciding does not."""

    def decide(self, signals: Signals) -> GateDecision: ...
