"""A machine paid by the hour costs what it costs, however many calls share it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from support.scripted_runs import agent

from lean_agent import Ledger
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.pricing import PriceTable
from lean_agent.runtime.machine_time import MachineTime


def test_calls_that_run_together_share_each_second() -> None:
    now = [100.0]
    machine = MachineTime(lambda: now[0])
    first = machine.begin()
    now[0] += 2  # alone
    second = machine.begin()
    now[0] += 4  # together
    assert machine.share(first) == 4.0
    machine.end()
    now[0] += 1  # the second alone
    assert machine.share(second) == 3.0
    machine.end()
    now[0] += 50  # nobody
    third = machine.begin()
    now[0] += 1
    assert machine.share(third) == 1.0


async def test_parallel_runs_are_charged_the_machine_once(ledger: Ledger, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[machines."scripted:shared"]\nusd_per_hour = "36"\n')  # a cent a second

    async def slow(_request: ModelRequest) -> str:
        await asyncio.sleep(0.5)
        return "done"

    subject, model = agent([slow] * 5, ledger, ModelCard(), prices=PriceTable(prices))
    model._name = "scripted:shared"  # pyright: ignore[reportPrivateUsage]
    results = await asyncio.gather(*(subject.run(f"q{i}", mode="instant") for i in range(5)))
    costs = [result.usage.cost for result in results]
    assert all(cost is not None for cost in costs)
    total = sum((cost for cost in costs if cost is not None), Decimal(0))
    assert Decimal("0.005") <= total < Decimal("0.0125"), "five times that without sharing"
