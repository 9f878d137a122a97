"""What a run of a suite is: everything that its numbers depend on, as plain JSON."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal, get_args

from lean_agent import Budget, ConfigurationError
from lean_agent._paths import config_dir
from lean_agent.agent import DEFAULT_MODEL, DEFAULT_STEPS
from lean_agent_evals.task import Split

__all__ = ["GROWING", "ExecutorName", "RunConfig", "price_table_hash"]

ExecutorName = Literal["local", "ray"]

GROWING: Final = frozenset(
    {
        "arms",
        "budget",
        "concurrency",
        "count",
        "epochs",
        "executor",
        "failure_cost",
        "quality_floor",
        "tiered",
    }
)
"""What may be another when a run goes on: none of it changes an attempt that was made."""

_LOCAL = "local:"
_HOSTED_CONCURRENCY = 8
_LIMITS_OF_A_RUN = ("usd", "tokens")


def _per_sample() -> Budget:
    return Budget(steps=DEFAULT_STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """One run of a suite.

    ``suite`` is as the command line names it. ``count`` is how many tasks, None all. ``arms`` are
    compared with each other, each on every task, ``epochs`` times. ``seed`` chooses the tasks; the
    model is given ``seed`` plus the epoch. ``sample_budget`` caps each attempt, ``budget`` (dollars
    and tokens) all of them together. ``concurrency`` None is as many attempts at once as the
    embedded engine has slots, or 8 of a hosted model. ``failure_cost`` is the price of an unsolved
    task in the report, in the unit of its costs; arms whose pass rate, a share of 1, is below
    ``quality_floor`` are out of its comparison. ``executor`` is where attempts are made: in this
    process, or in those of a Ray cluster. ``tiered`` ends a run when the tasks so far are enough to
    rank the arms (see ``tiers``).

    Raises:
        ConfigurationError: a number is out of range, an arm is named twice, the budget of all
            attempts limits something else, or there is nothing to rank.
    """

    suite: str
    split: Split = "dev"
    seed: int = 0
    count: int | None = None
    arms: tuple[str, ...] = ("auto",)
    model: str = DEFAULT_MODEL
    base_url: str | None = None
    epochs: int = 1
    sample_budget: Budget = field(default_factory=_per_sample)
    budget: Budget = field(default_factory=Budget)
    concurrency: int | None = None
    temperature: float = 0.0
    failure_cost: float | None = None
    quality_floor: float = 0.0
    executor: ExecutorName = "local"
    tiered: bool = False

    def __post_init__(self) -> None:
        if self.split not in get_args(Split):
            raise ConfigurationError(f"no split called {self.split!r}", hint="dev or test")
        if self.executor not in get_args(ExecutorName):
            raise ConfigurationError(f"no executor called {self.executor!r}", hint="local or ray")
        for name in ("count", "epochs", "concurrency"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"{name} is {value}, it must be 1 or more")
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise ConfigurationError(
                f"arms are {', '.join(self.arms) or 'none'}", hint="name one or more, each once"
            )
        if self.tiered and len(self.arms) < 2:
            raise ConfigurationError(
                "a tiered run ends when its arms are ranked, and there is one",
                hint="name two or more",
            )
        for name in ("temperature", "failure_cost"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConfigurationError(f"{name} is {value}, it must be 0 or more")
        if not 0 <= self.quality_floor <= 1:
            raise ConfigurationError(
                f"quality_floor is {self.quality_floor}, it must be between 0 and 1"
            )
        self._check_budgets()

    def _check_budgets(self) -> None:
        for name in ("tokens", "steps", "seconds"):
            if getattr(self.sample_budget, name) == 0:
                raise ConfigurationError(
                    f"no attempt can be made in 0 {name}", hint=f"allow more {name} a sample"
                )
        others = [n for n in fields(Budget) if n.name not in _LIMITS_OF_A_RUN]
        if any(getattr(self.budget, limit.name) is not None for limit in others):
            raise ConfigurationError(
                "a whole run is limited in dollars and tokens, and in nothing else",
                hint="limit steps, tool calls and seconds for each sample",
            )

    @property
    def slots(self) -> int:
        """How many attempts go on at once.

        Raises:
            ConfigurationError: a setting of the embedded engine is wrong.
        """
        if self.concurrency is not None:
            return self.concurrency
        if not self.model.startswith(_LOCAL):
            return _HOSTED_CONCURRENCY
        from lean_agent.models import engine_settings

        name = self.model.removeprefix(_LOCAL)
        return engine_settings.from_environment(name, Path()).slots

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; money as a string."""
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("sample_budget", "budget"):
            data[name] = _budget_to_dict(data[name])
        return data | {"arms": list(self.arms)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunConfig:
        """What ``to_dict`` gave. Names that it does not know are left out.

        Raises:
            ConfigurationError: it is no such thing.
        """
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        try:
            known["arms"] = tuple(known["arms"])
            for name in ("sample_budget", "budget"):
                known[name] = Budget(**known[name])
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ConfigurationError(f"not the configuration of a run: {error}") from error

    def differences(self, other: RunConfig) -> list[str]:
        """What the other has differently and a run that goes on must not, a line each."""
        pairs = (
            (item.name, getattr(self, item.name), getattr(other, item.name))
            for item in fields(self)
            if item.name not in GROWING
        )
        return [f"{name} is {mine}, not {theirs}" for name, mine, theirs in pairs if mine != theirs]


def _budget_to_dict(budget: Budget) -> dict[str, Any]:
    limits = {limit.name: getattr(budget, limit.name) for limit in fields(budget)}
    if budget.usd is not None:
        limits["usd"] = format(budget.usd, "f")
    return {name: value for name, value in limits.items() if value is not None}


def price_table_hash(path: Path | None = None) -> str:
    """SHA-256 of what prices are taken from: the user's file and genai-prices' version.

    ``path`` is the user's file, by default ``prices.toml`` in the config folder.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    own = path or config_dir() / "prices.toml"
    try:
        text = own.read_bytes() if own.exists() else b""
    except OSError as error:
        raise ConfigurationError(f"{own} cannot be read: {error.strerror}") from error
    try:
        table = version("genai-prices")
    except PackageNotFoundError:
        table = ""
    return hashlib.sha256(text + b"\0" + table.encode()).hexdigest()
