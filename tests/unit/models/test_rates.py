"""Rates a minute, on a clock that stands still until it is told to go."""

from __future__ import annotations

import random

import pytest
from support.clock import Clock

from lean_agent.errors import ConfigurationError
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.rates import Limiter, Rates, limiter_of


def test_a_minutes_worth_may_be_used_at_once_and_fills_up_evenly() -> None:
    clock = Clock()
    limiter = Limiter(Rates(requests=6), clock)
    assert [limiter.take(0).seconds for _ in range(8)] == pytest.approx([0] * 6 + [10, 20])
    clock.now += 20
    assert limiter.take(0).seconds == pytest.approx(10)


def test_what_a_call_wrote_is_waited_for_by_the_next() -> None:
    clock = Clock()
    limiter = Limiter(Rates(tokens=600), clock)
    turn = limiter.take(100)
    limiter.settle(turn, 700)
    assert limiter.take(0).seconds == pytest.approx(10)


def test_an_estimate_that_was_too_high_and_a_call_not_sent_are_given_back() -> None:
    limiter = Limiter(Rates(requests=2, tokens=600), Clock())
    limiter.settle(limiter.take(600), 60)
    limiter.give_back(limiter.take(540))
    assert limiter.take(540).seconds == 0
    assert limiter.take(0).seconds == pytest.approx(30)


def test_more_than_a_minute_holds_is_let_through_in_the_end() -> None:
    assert Limiter(Rates(tokens=600), Clock()).take(1_800).seconds == pytest.approx(120)


def test_no_stretch_of_time_sees_more_than_is_allowed() -> None:
    rng = random.Random(7)
    clock = Clock()
    limiter = Limiter(Rates(tokens=1_000), clock)
    sent: list[tuple[float, int]] = []
    for _ in range(500):
        clock.now += rng.expovariate(1.0)
        amount = rng.randrange(1, 120)
        sent.append((clock.now + limiter.take(amount).seconds, amount))
    assert [at for at, _ in sent] == sorted(at for at, _ in sent)
    for first, (begin, _) in enumerate(sent):
        total = 0
        for at, amount in sent[first:]:
            total += amount
            assert total <= 1_000 + 1_000 * (at - begin) / 60 + 120


@pytest.mark.parametrize("rates", [{"requests": 0}, {"tokens": -5}, {"requests": 1.5}])
def test_rates_that_are_none_are_refused(rates: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="needs a whole number above 0"):
        Rates(**rates)


def test_runs_share_the_limiter_of_a_server() -> None:
    rates = Rates(requests=5)
    one, two = (
        OpenAICompatibleModel(f"own:{name}", base_url="http://127.0.0.1:1/v1") for name in "ab"
    )
    assert limiter_of(one, rates) is limiter_of(two, Rates(requests=5))
    assert limiter_of(one, rates) is not limiter_of(one, Rates(requests=6))
