"""The calibrated gate: the least cost of a pass among ways that are good enough. Spec: gating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from lean_agent.errors import ConfigurationError
from lean_agent.gate import GateDecision, Prediction, Signals
from lean_agent.gating.rules import RuleGate
from lean_agent.gating.task_kinds import task_kinds
from lean_agent.gating.words import CHAT

__all__ = ["QUALITIES", "CalibratedGate", "Foresight", "Quality", "checked_quality", "choose"]

Quality = Literal["economy", "balanced", "best"] | float
"""How near the best expected pass rate a way must come: by name, or as a pass rate, 0 to 1, that it
must reach.
"""

QUALITIES: Final[Mapping[str, float]] = {"economy": 0.15, "balanced": 0.05, "best": 0.0}
"""How much of the pass rate a way may be expected to give up against the best."""


def checked_quality(quality: Quality) -> Quality:
    """
    Raises:
        ConfigurationError: it is neither one of the names nor between 0 and 1.
    """
    known = 0 <= quality <= 1 if isinstance(quality, int | float) else quality in QUALITIES
    if not known:
        raise ConfigurationError(
            f"quality is {quality!r}", hint=f"one of {', '.join(QUALITIES)}, or from 0 to 1"
        )
    return quality


def choose(predictions: Sequence[Prediction], quality: Quality) -> Prediction:
    """The least cost of a pass among those at or above the floor; if none is, the likeliest."""
    best = max(predictions, key=lambda one: (one.pass_rate, -one.cost))
    floor = _floor(quality, best.pass_rate)
    enough = [one for one in predictions if one.pass_rate >= floor]
    return min(enough, key=lambda one: (one.cost_of_pass, one.cost)) if enough else best


def _floor(quality: Quality, best: float) -> float:
    if isinstance(quality, int | float):
        return quality
    return best - QUALITIES[quality]


class Foresight(Protocol):
    """A model's profile, or those of a cascade."""

    def predictions(self, signals: Signals) -> tuple[Prediction, ...]:
        """What each way is expected to come to; none where too little is known."""
        ...


class CalibratedGate:
    """Decides by a profile; what is certain, and what the profile does not know, goes by the rules.

    Raises:
        ConfigurationError: no such quality.
    """

    def __init__(self, profile: Foresight, quality: Quality = "balanced") -> None:
        self.profile = profile
        self.quality: Quality = checked_quality(quality)
        self._rules = RuleGate()

    def decide(self, signals: Signals) -> GateDecision:
        """Pick a way.

        Raises:
            ConfigurationError: as RuleGate.
        """
        certain = signals.forced != "auto" or signals.domain or CHAT.match(signals.task)
        predictions = () if certain else self.profile.predictions(signals)
        if not predictions:
            return self._rules.decide(signals)
        chosen = choose(predictions, self.quality)
        way = chosen.way
        by = f"by {way.model}; " if way.model else ""
        if way.then:
            on = f" by {way.then_model}" if way.then_model else ""
            by += f"{way.then}{on} where it is unsure; "
        reason = (
            f"{by}{chosen.pass_rate:.0%} expected to pass at "
            f"{chosen.cost:,.0f} token units, by {chosen.tried} attempts at tasks like it"
        )
        return GateDecision(
            way=way, reason=reason, predictions=predictions, kinds=task_kinds(signals)
        )
