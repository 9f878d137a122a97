"""One arm's outcomes as numbers, a row a task, and what a resample of the tasks makes of them.

A task weighs the same however often it was attempted: its attempts are averaged first. Attempts
that an infrastructure failure ended are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lean_agent import ConfigurationError
from lean_agent.trajectory.metrics import ise, ise_as_published, isr
from lean_agent_evals.outcome import Outcome

__all__ = ["AMOUNTS", "Array", "CostUnit", "Sample", "TaskTable", "common_unit", "paired_tables"]

Array = NDArray[np.float64]

CostUnit = Literal["usd", "token_units"]
"""What a cost is counted in. Token units compare models that nobody bills for."""

_MAX_SHOWN = 3

AMOUNTS: Final[Mapping[str, Callable[[Outcome], float]]] = {
    "T": lambda o: o.usage.output_tokens,
    "uncached": lambda o: o.usage.input_tokens - o.usage.cache_read_input_tokens,
    "cached": lambda o: o.usage.cache_read_input_tokens,
    "reasoning": lambda o: o.usage.reasoning_output_tokens,
    "S": lambda o: o.steps,
    "tool_calls": lambda o: o.tool_calls,
}
"""Reported of all attempts and of passed ones."""

_OTHERS: Final[Mapping[str, Callable[[Outcome], float]]] = {
    "passed": lambda o: o.passed,
    "score": lambda o: o.value,
    "seconds": lambda o: o.seconds,
    "flops": lambda o: np.nan if o.flops is None else o.flops,
    "seeks": lambda o: o.entities_required > 0,
    "isr": lambda o: isr(o.entities_required, o.entities_found) if o.entities_required else 0.0,
    "ise": lambda o: ise(o.entities_found, o.tool_calls),
    "ise_as_published": lambda o: ise_as_published(o.entities_required, o.tool_calls),
    "needs_none": lambda o: o.needs_tools is False,
    "needless": lambda o: o.needs_tools is False and o.tool_calls > 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTable:
    """``columns`` are means over a task's attempts; not a number where a cost is unknown.

    ``attempts`` holds what each attempt took, and ``task_of_attempt`` the row it belongs to.
    """

    tasks: tuple[str, ...]
    columns: Mapping[str, Array]
    attempts: Mapping[str, Array]
    task_of_attempt: NDArray[np.intp]


class Sample:
    """Resamples of a table's tasks. ``weights``: how often each holds each task (resample, task).

    Every figure of a sample is an array with one number a resample.
    """

    def __init__(self, table: TaskTable, weights: Array) -> None:
        self._table = table
        self._weights = weights
        names = list(table.columns)
        stacked = np.stack([table.columns[name] for name in names], axis=1)
        means = (weights @ stacked) / weights.sum(axis=1, keepdims=True)
        self._means = dict(zip(names, means.T, strict=True))

    def mean(self, column: str) -> Array:
        """The mean over tasks."""
        return self._means[column]

    def quantile(self, name: str, share: float) -> Array:
        """The smallest amount that at least ``share`` of the attempts stay within."""
        amounts = self._table.attempts[name]
        order = np.argsort(amounts, kind="stable")
        cumulative = np.cumsum(np.take(self._attempt_weights, order, axis=1), axis=1)
        # Rounding must not push a share that is reached exactly past its attempt.
        reached = cumulative >= share * cumulative[:, -1:] * (1 - 1e-12)
        return amounts[order][np.argmax(reached, axis=1)]

    @functools.cached_property
    def _attempt_weights(self) -> Array:
        rows = self._table.task_of_attempt
        return np.take(self._weights, rows, axis=1) / np.bincount(rows)[rows]


def common_unit(outcomes: Sequence[Outcome]) -> CostUnit:
    """Money if every attempt was billed at a known price, else token units."""
    billed = all(o.usage.cost is not None and not _self_hosted(o) for o in outcomes)
    return "usd" if billed else "token_units"


def paired_tables(
    arms: Mapping[str, Sequence[Outcome]], *, unit: CostUnit, failure_cost: float | None = None
) -> dict[str, TaskTable]:
    """Each arm's table, all over the same tasks: those that count in every arm.

    ``failure_cost`` is the price of an unsolved task, in the unit.

    Raises:
        ConfigurationError: the arms were not given the same tasks, or costs in US dollars are asked
            for where some attempts ran on a machine whose time nobody prices.
    """
    _check_same_tasks(arms)
    counted = {name: [o for o in outcomes if o.counts] for name, outcomes in arms.items()}
    ids = [{o.task_id for o in outcomes} for outcomes in counted.values()]
    tasks = sorted(functools.reduce(set[str].intersection, ids))
    return {name: _table(tasks, outcomes, unit, failure_cost) for name, outcomes in counted.items()}


def _check_same_tasks(arms: Mapping[str, Sequence[Outcome]]) -> None:
    given = {name: {o.task_id for o in outcomes} for name, outcomes in arms.items()}
    first, *others = given
    for other in others:
        odd = sorted(given[first] ^ given[other])
        if odd:
            shown = ", ".join(odd[:_MAX_SHOWN]) + ", ..." * (len(odd) > _MAX_SHOWN)
            raise ConfigurationError(
                f"{first} and {other} were not given the same tasks: {len(odd)} are in one alone "
                f"({shown})",
                hint="run both on the same suite, split, seed and count",
            )


def _table(
    tasks: Sequence[str], outcomes: Sequence[Outcome], unit: CostUnit, failure_cost: float | None
) -> TaskTable:
    row = {task: number for number, task in enumerate(tasks)}
    used = [o for o in outcomes if o.task_id in row]
    rows = np.array([row[o.task_id] for o in used], dtype=np.intp)
    attempts = {
        name: np.array([amount(o) for o in used], dtype=np.float64)
        for name, amount in {**AMOUNTS, **_OTHERS}.items()
    }
    attempts["cost"] = np.array([_cost(o, unit) for o in used], dtype=np.float64)
    attempts["judge"] = np.array([_judge_cost(o, unit) for o in used], dtype=np.float64)
    passed = attempts["passed"]
    for name in AMOUNTS:
        attempts[f"{name} passed"] = attempts[name] * passed
    per_task = np.bincount(rows, minlength=len(tasks))
    columns = {
        name: np.bincount(rows, weights=values, minlength=len(tasks)) / per_task
        for name, values in attempts.items()
    }
    columns["unsolved"], columns["frontier"] = _frontier(columns, failure_cost)
    price = np.nan if failure_cost is None else failure_cost
    columns["of failures"] = (1 - columns["passed"]) * price
    return TaskTable(tasks=tuple(tasks), columns=columns, attempts=attempts, task_of_attempt=rows)


def _frontier(columns: Mapping[str, Array], baseline: float | None) -> tuple[Array, Array]:
    """Which tasks cost no finite amount to solve, and what the others cost."""
    solved = columns["passed"] > 0
    most = np.inf if baseline is None else float(baseline)
    price = np.full(len(solved), most)
    np.divide(columns["cost"], columns["passed"], out=price, where=solved)
    price = np.minimum(price, most)
    unsolved = np.isinf(price)
    return unsolved.astype(np.float64), np.where(unsolved, 0.0, price)


def _cost(outcome: Outcome, unit: CostUnit) -> float:
    if unit == "token_units":
        return outcome.usage.token_units
    if _self_hosted(outcome):
        raise ConfigurationError(
            f"task {outcome.task_id} of {outcome.arm} ran on a machine whose time has no price, "
            "so it has no cost in US dollars",
            hint="compare in token units, or set the model's rate in prices.toml",
        )
    return np.nan if outcome.usage.cost is None else float(outcome.usage.cost)


def _judge_cost(outcome: Outcome, unit: CostUnit) -> float:
    if unit == "token_units":
        return outcome.judge.token_units
    return np.nan if outcome.judge.cost is None else float(outcome.judge.cost)


def _self_hosted(outcome: Outcome) -> bool:
    return "self_hosted" in outcome.usage.provenance
