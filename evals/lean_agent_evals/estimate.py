"""What a run can cost at most, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from lean_agent import Model
from lean_agent.agent import DEFAULT_STEPS
from lean_agent.models.pricing import PriceTable
from lean_agent.price import Price
from lean_agent_evals.arms import Arm
from lean_agent_evals.config import RunConfig
from lean_agent_evals.journal import SampleKey
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.runner import samples_of
from lean_agent_evals.suite import Suite

__all__ = ["Estimate", "estimate"]

Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Bounds, not forecasts; retries apart. ``usd`` is None where the model has no price, and 0 on
    the user's own machine without a rate. Machine time has no bound without a limit in seconds.
    """

    tasks: int
    samples: int
    over: int
    calls: int
    tokens: int
    usd: Decimal | None


def estimate(
    config: RunConfig,
    *,
    suite: Suite,
    model: Model,
    arms: Sequence[Arm],
    prices: PriceTable,
    outcomes: dict[SampleKey, Outcome],
) -> Estimate:
    """The bounds of what is left to do, ``outcomes`` being what earlier parts of the run did.

    Raises:
        ConfigurationError: the suite has no such tasks.
    """
    samples = list(samples_of(suite, config, arms))
    over = {key for key, outcome in outcomes.items() if outcome.counts}
    left = [sample for sample in samples if sample.key not in over]
    limits = config.sample_budget
    steps = limits.steps if limits.steps is not None else DEFAULT_STEPS
    calls = [sample.arm.most_calls(steps) for sample in left]
    window = model.card.context_tokens
    tokens = [window * number for number in calls]
    if limits.tokens is not None:
        tokens = [min(bound, limits.tokens) for bound in tokens]
    price = prices.price_of(model)
    return Estimate(
        tasks=len({sample.task.id for sample in samples}),
        samples=len(samples),
        over=len(samples) - len(left),
        calls=sum(calls),
        tokens=_least(sum(tokens), config.budget.tokens),
        usd=_usd(config, model, price, calls, tokens),
    )


def _usd(
    config: RunConfig,
    model: Model,
    price: Price | None,
    calls: Sequence[int],
    tokens: Sequence[int],
) -> Decimal | None:
    if price is None:
        return Decimal(0) if model.card.self_hosted else None
    total = Decimal(0)
    for number, bound in zip(calls, tokens, strict=True):
        # Nobody knows how many of them are written, which costs more than reading.
        cost = price.worst_case(bound, bound, config.sample_budget.seconds or 0.0)
        cost += price.per_request * (number - 1)
        total += _least(cost, config.sample_budget.usd)
    return _least(total, config.budget.usd)


def _least(bound: Number, limit: Number | None) -> Number:
    return bound if limit is None else min(bound, limit)
