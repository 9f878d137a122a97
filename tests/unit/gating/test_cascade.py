"""Several models under one rule: the least expected cost of a pass over models and modes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.gate import ChosenMode, Prediction, Signals, Way
from lean_agent.gating.calibrated import CalibratedGate, Quality
from lean_agent.gating.cascade import Cascade, Level
from lean_agent.gating.profile import Profile, Tally
from lean_agent.gating.profiles import cascade_gate, own_profile
from lean_agent.gating.rules import RuleGate
from lean_agent.price import Price, Rate

TASK = Signals(task="Name it.")


@dataclass(frozen=True)
class Told:
    """A profile that foretells what it is told to."""

    found: tuple[Prediction, ...]

    def predictions(self, signals: Signals) -> tuple[Prediction, ...]:
        return self.found


def expected(
    rate: float, cost: float, mode: ChosenMode, then: ChosenMode | None = None
) -> Prediction:
    way = Way(mode=mode, then=then, sure=0.8 if then else 0.0)
    return Prediction(way=way, pass_rate=rate, cost=cost, tried=9)


SMALL = Told(
    (
        expected(0.4, 100, "instant"),
        expected(0.6, 400, "reason"),
        # It is unsure of 0.4 of the tasks: (260 - 100) / 400.
        expected(0.55, 260, "instant", "reason"),
    )
)
LARGE = Told((expected(0.6, 90, "instant"), expected(0.9, 300, "reason")))


def cascade(price: float = 5.0) -> Cascade:
    """The large model's tokens cost ``price`` times the small one's."""
    return Cascade(
        [
            Level(model="small", profile=SMALL, price=2.0),
            Level(model="large", profile=LARGE, price=2.0 * price),
        ]
    )


def test_costs_are_in_tokens_of_the_first_model() -> None:
    found = {
        (one.way.model, one.way.name, one.way.then_model): (one.pass_rate, one.cost)
        for one in cascade().predictions(TASK)
    }
    assert found == {
        ("small", "instant", ""): (0.4, 100),
        ("small", "reason", ""): (0.6, 400),
        ("small", "instant>reason", ""): (0.55, 260),
        ("large", "instant", ""): (0.6, 450),
        ("large", "reason", ""): (0.9, 1_500),
        # 0.55 + 0.4 * (0.9 - 0.6), at 100 + 0.4 * 1,500.
        ("small", "instant>reason", "large"): (pytest.approx(0.67), pytest.approx(700)),
    }


@pytest.mark.parametrize(
    ("quality", "price", "chosen"),
    [
        ("best", 5.0, ("large", "reason", "")),
        (0.5, 5.0, ("small", "instant>reason", "")),
        (0.65, 5.0, ("small", "instant>reason", "large")),
        (0.0, 50.0, ("small", "instant", "")),
        (0.0, 0.1, ("large", "instant", "")),
    ],
)
def test_one_rule_chooses_among_all_pairs(
    quality: Quality, price: float, chosen: tuple[str, str, str]
) -> None:
    decision = CalibratedGate(cascade(price), quality).decide(TASK)
    way = decision.way
    assert (way.model, way.name, way.then_model) == chosen
    assert f"by {way.model}; " in decision.reason
    assert ("reason by large where it is unsure" in decision.reason) == bool(way.then_model)


def test_what_the_first_model_knows_nothing_of_goes_by_the_rules() -> None:
    unknown = Cascade([Level(model="small", profile=Told(()), price=1.0), *cascade().levels[1:]])
    decision = CalibratedGate(unknown).decide(TASK)
    assert (decision.way, decision.predictions) == (Way(mode="instant"), ())


@pytest.fixture
def profiles(tmp_path: Path) -> object:
    """Of a:small and b:large, by twenty tasks each."""
    with patch.dict(os.environ, {"XDG_CONFIG_HOME": str(tmp_path)}):
        for name, passed in (("a:small", 2.0), ("b:large", 19.0)):
            tallies = {
                kind: {"instant": Tally(20, passed, 2_000.0)}
                for kind in ("", "no tools", "no tools | plain")
            }
            Profile(model=name, source="", tallies=tallies).save(own_profile(name))
        yield None


def priced(usd: str) -> Price:
    rate = Rate(Decimal(usd))
    return Price(input=rate, cached_input=rate, cache_write=rate, output=rate, reference="test")


@pytest.mark.usefixtures("profiles")
def test_profiles_are_compared_by_what_a_token_costs() -> None:
    for usd, model in (("2", "b:large"), ("4000", "a:small")):
        gate = cascade_gate([("a:small", priced("1")), ("b:large", priced(usd))], 0.0)
        assert gate.decide(TASK).way.model == model
    with pytest.raises(ConfigurationError, match="what a token of b:large costs is unknown"):
        cascade_gate([("a:small", priced("1")), ("b:large", None)])
    # One profile is compared with none.
    alone = cascade_gate([("a:small", None), ("c:none", None)]).decide(TASK)
    assert alone.way == Way(mode="instant", model="a:small")
    assert isinstance(cascade_gate([("c:none", None), ("a:small", None)]), RuleGate)
