"""What is compared: ways of doing a task with the same model and tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args

from lean_agent import (
    Account,
    Agent,
    Budget,
    ConfigurationError,
    Ledger,
    Model,
    RunResult,
    Tool,
)
from lean_agent._semconv import Mode
from lean_agent.models.pricing import PriceTable
from lean_agent.models.response_cache import AnswerStore
from lean_agent.thinking.named import resolve_reasoning

if TYPE_CHECKING:
    from lean_agent.gate import Gate
    from lean_agent.planner import Planner
    from lean_agent.trajectory.exemplars import ExemplarSource

__all__ = ["Arm", "Means", "ModeArm", "ReasonArm", "arm_named", "run_agent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an arm is given for one attempt; whatever it spends goes through all of it.

    ``budget`` is what this part of the attempt may spend, ``account`` the whole run's. ``answers``
    of earlier parts must be asked before the model is.
    """

    model: Model
    tools: Sequence[Tool]
    roots: Sequence[Path]
    instructions: str
    budget: Budget
    account: Account
    answers: AnswerStore | None
    ledger: Ledger
    prices: PriceTable
    temperature: float
    seed: int
    task_id: str


class Arm(Protocol):
    """A way of doing tasks.

    ``probes`` says that it acts in the format that a probe of the model has found.
    """

    @property
    def name(self) -> str: ...

    @property
    def probes(self) -> bool: ...

    def most_calls(self, steps: int) -> int:
        """The most model calls of an attempt that may take so many steps, retries apart."""
        ...

    async def attempt(self, question: str, means: Means) -> RunResult:
        """Do a task.

        Raises:
            ConfigurationError: nothing was spent, and no other attempt can go better.
            LeanAgentError: ``result`` holds what was done until then.
        """
        ...


_CALLS = {"instant": 1, "reason": 2}
_REASON = "reason/"
_PLANS = 1
"""Calls of a strategy that are no steps."""
_WRITES = 6
"""Calls of plan mode, which are no steps, where no planner knows the task; else it makes none."""


@dataclass(frozen=True, slots=True)
class ModeArm:
    """Our agent, free to choose (auto) or forced into a mode."""

    mode: Mode

    @property
    def name(self) -> str:
        return self.mode

    @property
    def probes(self) -> bool:
        return self.mode not in {*_CALLS, "plan"}

    def most_calls(self, steps: int) -> int:
        if self.mode == "plan":
            return _WRITES
        return min(steps, _CALLS.get(self.mode, steps))

    async def attempt(self, question: str, means: Means) -> RunResult:
        return await run_agent(question, means, mode=self.mode)


@dataclass(frozen=True, slots=True)
class ReasonArm:
    """Our agent in reason mode, thinking as ``reasoning`` names it (``credits@450``)."""

    reasoning: str

    @property
    def name(self) -> str:
        return f"{_REASON}{self.reasoning}"

    @property
    def probes(self) -> bool:
        return False

    def most_calls(self, steps: int) -> int:
        thinking = resolve_reasoning(self.reasoning).most_calls
        return min(thinking + 1, steps + _PLANS)

    async def attempt(self, question: str, means: Means) -> RunResult:
        return await run_agent(question, means, mode="reason", reasoning=self.reasoning)


async def run_agent(
    question: str,
    means: Means,
    *,
    mode: Mode,
    reasoning: str = "plain",
    exemplars: ExemplarSource | None = None,
    planners: Sequence[Planner] | None = None,
    gate: Gate | None = None,
) -> RunResult:
    """Our agent's attempt; raises as ``Arm.attempt`` does."""
    agent = Agent(
        model=means.model,
        tools=means.tools,
        budget=means.budget,
        mode=mode,
        reasoning=reasoning,
        instructions=means.instructions,
        ledger=means.ledger,
        roots=means.roots,
        prices=means.prices,
        temperature=means.temperature,
        seed=means.seed,
        account=means.account,
        cache=means.answers,
        exemplars=exemplars,
        planners=planners,
        gate=gate,
        allow=("*",),  # what a suite's tools change is its own simulated world
    )
    return await agent.run(question, task_id=means.task_id)


def arm_named(name: str) -> Arm:
    """The arm that a configuration names: a mode of our agent, a way to reason, or a baseline.

    Raises:
        ConfigurationError: there is none, or what it needs is not installed.
    """
    from lean_agent_evals.baselines.named import BASELINES, baseline_named

    modes = {mode: ModeArm(mode) for mode in get_args(Mode)}
    if name in modes:
        return modes[name]
    if name in BASELINES:
        return baseline_named(name)
    if name.startswith(_REASON):
        resolve_reasoning(name.removeprefix(_REASON))
        return ReasonArm(name.removeprefix(_REASON))
    names = ", ".join((*modes, f"{_REASON}STRATEGY", *BASELINES))
    raise ConfigurationError(f"no arm called {name!r}", hint=f"one of: {names}")
