"""How many tasks a ranking of arms needs: start small, add tasks until it is stable.

Source: Perlitz et al., "Efficient Benchmarking" (arXiv 2308.11696): Decision Impact on Reliability
(DIoR) is the lower end of the 95 % bootstrap interval of how well the ranking from fewer tasks
agrees with the full one; agreement here is Kendall's tau, and a tie agrees with nothing. Tasks are
drawn with replacement, so that the full number of tasks is not reliable by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lean_agent import ConfigurationError
from lean_agent_evals.bootstrap import draws
from lean_agent_evals.figures import FIGURES
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.table import (
    Array,
    CostUnit,
    Sample,
    TaskTable,
    common_unit,
    paired_tables,
)

__all__ = ["SIZES", "Tier", "is_stable", "tasks_needed", "tiers"]

SIZES = (20, 50, 100, 200, 500, 1_000)
_FIGURE = "cost_of_pass"
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Tier:
    """How reliable a ranking from ``tasks`` tasks is.

    ``agreement`` is the mean Kendall's tau with the full ranking, -1 to 1, and ``dior`` what it is
    at least in 97.5 % of resamples.
    """

    tasks: int
    agreement: float
    dior: float


def tiers(
    arms: Mapping[str, Sequence[Outcome]],
    figure: str,
    *,
    unit: CostUnit,
    failure_cost: float | None = None,
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
) -> list[Tier]:
    """The tiers of a figure's ranking: each size below the number of tasks, and all of them.

    Raises:
        ConfigurationError: the figure is unknown for an arm, the arms were not given the same
            tasks, or US dollars are asked for and some attempts have no price in them.
    """
    tables = paired_tables(arms, unit=unit, failure_cost=failure_cost)
    n = len(next(iter(tables.values())).tasks)
    full = _ranked(tables, figure, np.ones((1, n)))
    unknown = [arm for arm, values in zip(tables, full, strict=True) if np.isnan(values[0])]
    if unknown:
        raise ConfigurationError(f"{figure} is unknown for {', '.join(unknown)}")
    found: list[Tier] = []
    for size in [*(size for size in sorted(sizes) if size < n), n]:
        agreement = np.concatenate(
            [
                _kendall(full, _ranked(tables, figure, weights))
                for weights in draws(n, _RESAMPLES, seed=seed, drawn_tasks=size)
            ]
        )
        dior = np.quantile(agreement, 0.025, method="lower")
        found.append(Tier(size, float(agreement.mean()), float(dior)))
    return found


def tasks_needed(found: Sequence[Tier], *, reliability: float = 0.9) -> int | None:
    """The size from which on every tier's DIoR is at least ``reliability``; None: more tasks."""
    needed = None
    for tier in reversed(found):
        if tier.dior < reliability:
            break
        needed = tier.tasks
    return needed


def is_stable(arms: Mapping[str, Sequence[Outcome]]) -> bool:
    """Whether these tasks are enough to rank the arms by what a pass costs.

    Args:
        arms: Outcomes of two arms or more at the same tasks.
    """
    unit = common_unit([outcome for found in arms.values() for outcome in found])
    if not next(iter(paired_tables(arms, unit=unit).values())).tasks:
        return False
    return tasks_needed(tiers(arms, _FIGURE, unit=unit)) is not None


def _ranked(tables: Mapping[str, TaskTable], figure: str, weights: Array) -> list[Array]:
    return [FIGURES[figure](Sample(table, weights)) for table in tables.values()]


def _kendall(full: Sequence[Array], found: Sequence[Array]) -> Array:
    """Kendall's tau-a of each resample's values with the full ones."""
    pairs = list(combinations(range(len(full)), 2))
    agree = sum(_order(full[a], full[b]) * _order(found[a], found[b]) for a, b in pairs)
    return np.broadcast_to(agree / max(1, len(pairs)), found[0].shape)


def _order(first: Array, second: Array) -> Array:
    """1, 0 or -1; infinite values compare too."""
    return (first > second).astype(np.float64) - (first < second)
