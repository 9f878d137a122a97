"""What charging a call costs: an entry written, a reservation settled, and the sums read back.

The baseline is what anyone would write by hand: ``json.dumps`` of the same row, ``write`` and
``flush`` to an open file. Medians of several rounds; target: under 100 µs an entry.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from lean_agent.ledger import queries
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Amount, Budget
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Usage

ROUNDS = 7
COUNT = 5_000

USAGE = Usage(
    input_tokens=1_550,
    output_tokens=80,
    cache_read_input_tokens=1_024,
    cost=Decimal("0.0012345"),
    provenance=frozenset({"measured"}),
)


def entry(step: int) -> Entry:
    return Entry(
        run_id="0123456789abcdef0123456789abcdef",
        operation="chat",
        purpose="act",
        usage=USAGE,
        step=step,
        mode="agent",
        provider="openai",
        model=f"model-{step % 5}",
        price_ref="genai-prices 2026-01-01",
        finish_reason="stop",
        seconds=1.25,
        prompt_seconds=0.25,
        output_seconds=1.0,
    )


def microseconds(work: Callable[[int], object]) -> float:
    """Median time of one call of ``work``, in microseconds."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for step in range(COUNT):
            work(step)
        rounds.append((time.perf_counter() - start) / COUNT * 1e6)
    return statistics.median(rounds)


def main() -> None:
    account = Account(Budget(tokens=10**12), parent=Account(Budget(usd=10**6, steps=10**9)))
    worst = Amount(usd=Decimal("0.01"), tokens=4_000, steps=1)
    truth = Amount(usd=Decimal("0.0012345"), tokens=1_630, steps=1)

    def charge(_step: int) -> None:
        with account.reserve(worst) as reservation:
            reservation.settle(truth)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "plain.jsonl").open("w") as file:

            def plain(step: int) -> None:
                file.write(json.dumps(entry(step).to_row()) + "\n")
                file.flush()

            baseline = microseconds(plain)
        ledger = Ledger(folder)
        append = microseconds(lambda step: ledger.append(entry(step)))
        durable_ledger = Ledger(folder / "durable", fsync=True)
        start = time.perf_counter()
        for step in range(200):
            durable_ledger.append(entry(step))
        durable = (time.perf_counter() - start) / 200 * 1e6
        settle = microseconds(charge)
        start = time.perf_counter()
        queries.summary(folder)
        read = time.perf_counter() - start

    print(f"plain write + flush       {baseline:7.1f} µs an entry")
    print(f"Ledger.append             {append:7.1f} µs an entry   {append / baseline:.2f} x plain")
    print(
        f"Ledger.append, fsync      {durable:7.1f} µs an entry   {durable / baseline:.2f} x plain"
    )
    print(f"reserve + settle, nested  {settle:7.1f} µs a call")
    print(f"append + reserve + settle {append + settle:7.1f} µs a call (target: under 200)")
    print(f"summary by model          {read:7.2f} s for {ROUNDS * COUNT:,} entries")


if __name__ == "__main__":
    main()
