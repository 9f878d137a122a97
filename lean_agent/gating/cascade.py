"""Ways of several models, the smaller before the larger, beside each other. Spec: gating."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lean_agent.errors import ConfigurationError
from lean_agent.gate import Prediction, Signals
from lean_agent.gating.calibrated import Foresight
from lean_agent.price import Price

__all__ = ["Cascade", "Level", "price_of_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A model of a cascade; ``price`` is that of a token unit, an uncached token that is read."""

    model: str
    profile: Foresight
    price: float


@dataclass(frozen=True, slots=True)
class Cascade:
    """What the ways of all levels are expected to come to, at costs that can be compared."""

    levels: Sequence[Level]

    def predictions(self, signals: Signals) -> tuple[Prediction, ...]:
        """Of every way of every model, and of those that begin with one and go on with a larger
        one; none where the first model's profile knows too little. Costs are in token units of the
        first model.
        """
        of_levels = [self._of(level, signals) for level in self.levels]
        if not of_levels[0]:
            return ()
        crossing = (
            way
            for smaller, larger in itertools.combinations(of_levels, 2)
            for way in _going_on(smaller, larger)
        )
        return (*itertools.chain(*of_levels), *crossing)

    def _of(self, level: Level, signals: Signals) -> list[Prediction]:
        times = level.price / self.levels[0].price
        return [
            replace(one, way=replace(one.way, model=level.model), cost=one.cost * times)
            for one in level.profile.predictions(signals)
        ]


def price_of_token(model: str, price: Price | None) -> float:
    """US dollars for a million token units of a model.

    Raises:
        ConfigurationError: nobody knows.
    """
    if price is None or not price.input.base:
        raise ConfigurationError(
            f"what a token of {model} costs is unknown, so the models cannot be compared",
            hint=f'add a price of input to prices.toml, under [models."{model}"]',
        )
    return float(price.input.base)


def _going_on(smaller: Sequence[Prediction], larger: Sequence[Prediction]) -> Iterator[Prediction]:
    """Instant by the smaller model, and on by the larger one where that is unsure.

    Nobody has tried the two together. How often the smaller one is unsure follows from what going
    on by itself adds to its cost, and the tasks that it is unsure of are taken to be as hard for
    each, beside its mean, as they are for the other.
    """
    known = {one.way.name: one for one in smaller}
    instant = known.get("instant")
    for one in larger:
        mode = one.way.mode
        alone, going_on = known.get(mode), known.get(f"instant>{mode}")
        if one.way.then or instant is None or alone is None or going_on is None or not alone.cost:
            continue
        unsure = min(1.0, max(0.0, (going_on.cost - instant.cost) / alone.cost))
        rate = going_on.pass_rate + unsure * (one.pass_rate - alone.pass_rate)
        yield Prediction(
            way=replace(going_on.way, then_model=one.way.model),
            pass_rate=min(1.0, max(0.0, rate)),
            cost=instant.cost + unsure * one.cost,
            tried=min(going_on.tried, one.tried),
        )
