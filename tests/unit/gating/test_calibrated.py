from __future__ import annotations

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.gate import Prediction, Signals, Way
from lean_agent.gating.calibrated import CalibratedGate, choose
from lean_agent.gating.fit import Attempted, Tried, fit
from lean_agent.gating.profile import Profile

TOOLS = frozenset({"calculator", "python"})


def prediction(mode: str, pass_rate: float, cost: float) -> Prediction:
    way = Way(mode=mode)  # pyright: ignore[reportArgumentType]
    return Prediction(way=way, pass_rate=pass_rate, cost=cost, tried=10)


CHEAP, MIDDLE, DEAR = (
    prediction("instant", 0.4, 100),
    prediction("reason", 0.65, 400),
    prediction("agent", 0.7, 2_000),
)


@pytest.mark.parametrize(
    ("quality", "chosen"),
    [
        ("economy", MIDDLE),
        ("balanced", MIDDLE),
        ("best", DEAR),
        (0.0, CHEAP),
        (0.5, MIDDLE),
        (0.68, DEAR),
        (0.99, DEAR),
    ],
)
def test_the_least_cost_of_a_pass_above_the_floor(quality: str | float, chosen: Prediction) -> None:
    assert choose([DEAR, CHEAP, MIDDLE], quality) == chosen  # pyright: ignore[reportArgumentType]


def test_where_little_can_be_lost_the_cheapest_is_taken() -> None:
    hopeless = [prediction("agent", 0.06, 1_400), prediction("instant", 0.03, 60)]
    assert choose(hopeless, "balanced").way.mode == "instant"
    assert choose(hopeless, "best").way.mode == "agent"


def test_where_nothing_passes_the_cheapest_is_taken() -> None:
    none = [prediction("agent", 0.0, 2_000), prediction("instant", 0.0, 100)]
    assert choose(none, "balanced").way.mode == "instant"


def profile(*, instant: float = 1.0) -> Profile:
    return fit(
        [
            Tried(
                task_id=str(n),
                signals=Signals(task=f"Name it {n}", tools=TOOLS),
                attempts={
                    "instant": Attempted(passed=instant, cost=100),
                    "agent": Attempted(passed=1.0, cost=1_000),
                },
            )
            for n in range(20)
        ],
        model="m",
        source="s",
    )


def test_what_it_chooses_it_gives_reasons_for() -> None:
    decision = CalibratedGate(profile()).decide(Signals(task="Name another", tools=TOOLS))
    assert decision.mode == "instant"
    assert "expected to pass at 100 token units" in decision.reason
    assert {one["way"] for one in decision.to_dict()["predictions"]} == {"instant", "agent"}
    worse = CalibratedGate(profile(instant=0.1))
    assert worse.decide(Signals(task="Name another", tools=TOOLS)).mode == "agent"


@pytest.mark.parametrize(
    ("signals", "mode"),
    [
        (Signals(task="2+2", tools=TOOLS, forced="reason"), "reason"),
        (Signals(task="make 24", tools=TOOLS, domain="game24"), "plan"),
        (Signals(task="thanks", tools=TOOLS), "instant"),
        (Signals(task="What is in store?", tools=frozenset({"stock"})), "agent"),
    ],
)
def test_what_is_certain_or_unknown_goes_by_the_rules(signals: Signals, mode: str) -> None:
    decision = CalibratedGate(profile(instant=0.0)).decide(signals)
    assert decision.mode == mode
    assert decision.predictions == ()


@pytest.mark.parametrize("quality", ["cheap", -0.1, 1.5, float("nan")])
def test_an_unknown_quality_is_refused(quality: str | float) -> None:
    with pytest.raises(ConfigurationError, match="quality is"):
        CalibratedGate(profile(), quality)  # pyright: ignore[reportArgumentType]
