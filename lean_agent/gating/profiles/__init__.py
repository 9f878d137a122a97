"""Where a model's profile is: the user's own, else the one that is shipped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lean_agent._paths import config_dir
from lean_agent.gate import Gate
from lean_agent.gating.calibrated import CalibratedGate, Quality
from lean_agent.gating.cascade import Cascade, Level, price_of_token
from lean_agent.gating.profile import Profile
from lean_agent.gating.rules import RuleGate
from lean_agent.price import Price

__all__ = ["cascade_gate", "found_profile", "gate_for", "own_profile"]

_SHIPPED = Path(__file__).parent


def own_profile(model: str) -> Path:
    """The file of the user's own profile of a model, whether it is there or not."""
    return config_dir() / "gate" / _file_name(model)


def found_profile(model: str) -> Profile | None:
    """The user's own, else the shipped one; None without either.

    Raises:
        ConfigurationError: the file is broken.
    """
    for path in (own_profile(model), _SHIPPED / _file_name(model)):
        if path.exists():
            return Profile.load(path)
    return None


def gate_for(model: str, quality: Quality = "balanced") -> Gate:
    """The calibrated gate of a model that has a profile; else the free rules.

    Raises:
        ConfigurationError: no such quality, or the profile is broken.
    """
    profile = found_profile(model)
    return RuleGate() if profile is None else CalibratedGate(profile, quality)


def cascade_gate(models: Sequence[tuple[str, Price | None]], quality: Quality = "balanced") -> Gate:
    """The calibrated gate of several models, the first of which begins where nothing else is known.

    Where the first has no profile the free rules decide, and the others are only gone on with.

    Raises:
        ConfigurationError: no such quality, a profile is broken, or two models have profiles and
            nobody knows what a token of one costs.
    """
    known = [(name, price, found_profile(name)) for name, price in models]
    if known[0][2] is None:
        return RuleGate()
    profiled = [(name, price, found) for name, price, found in known if found is not None]
    if len(profiled) == 1:  # one price is no comparison
        levels = [Level(model=name, profile=found, price=1.0) for name, _, found in profiled]
    else:
        levels = [
            Level(model=name, profile=found, price=price_of_token(name, price))
            for name, price, found in profiled
        ]
    return CalibratedGate(Cascade(levels), quality)


def _file_name(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model) + ".json"
