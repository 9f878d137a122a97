"""A price that changes while an agent lives."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from support.scripted_runs import agent

from lean_agent import Ledger
from lean_agent.model import Model
from lean_agent.models.pricing import PriceTable
from lean_agent.price import Price, Rate


class Doubling(PriceTable):
    """Twice as dear each time it is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rate = Decimal(1)

    def price_of(self, model: Model) -> Price | None:
        rate = Rate(self._rate)
        self._rate *= 2
        return Price(input=rate, cached_input=rate, cache_write=rate, output=rate, reference="x")


async def test_a_run_is_charged_the_price_of_its_own_time(ledger: Ledger, tmp_path: Path) -> None:
    subject, _ = agent(["yes"] * 2, ledger, prices=Doubling(tmp_path / "prices.toml"))
    first, second = [await subject.run("x", mode="instant") for _ in range(2)]
    assert first.usage.cost is not None
    assert first.usage.total_tokens == second.usage.total_tokens
    assert second.usage.cost == 2 * first.usage.cost
