"""What a reservation costs: in memory, and in the SQLite file that processes share.

The baseline is the least that anyone would write by hand for a cap between processes: one
``UPDATE ... SET spent = spent + ? WHERE spent + ? <= cap`` a call, in WAL mode, in a transaction of
its own. It charges once and knows no reservation, no owner that dies and no exact money, so a
reserve and a settle are two transactions where it has one. Medians of several rounds.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Amount, Budget
from lean_agent.ledger.budget_store import Cap
from lean_agent.ledger.caps import open_shared
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

ROUNDS = 5
COUNT = 2_000
PROCESSES = 4

WORST = Amount(usd=Decimal("0.01"), tokens=4_000, steps=1)
TRUTH = Amount(usd=Decimal("0.0012345"), tokens=1_630, steps=1)
CAPS = [Cap("day", Budget(usd=10**6, tokens=10**12)), Cap("month", Budget(usd=10**7))]


def in_memory() -> Callable[[], object]:
    account = Account(Budget(tokens=10**12), parent=Account(Budget(usd=10**6)))
    return lambda: account.reserve(WORST).settle(TRUTH)


def store(path: Path) -> Callable[[], object]:
    subject = SqliteBudgetStore(path)
    return lambda: subject.settle(subject.reserve(CAPS, WORST, lost=TRUTH), TRUTH)


def plain(path: Path) -> Callable[[], object]:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS totals (scope TEXT PRIMARY KEY, spent REAL)")
    connection.execute("INSERT OR IGNORE INTO totals VALUES ('day', 0)")

    def charge() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "UPDATE totals SET spent = spent + ? WHERE scope = 'day' AND spent + ? <= 1e6",
            (0.0012345, 0.0012345),
        )
        connection.execute("COMMIT")

    return charge


KINDS = {"plain": plain, "store": store}


def microseconds(work: Callable[[], object], count: int = COUNT) -> float:
    """Median time of one call of ``work``, in microseconds."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            work()
        rounds.append((time.perf_counter() - start) / count * 1e6)
    return statistics.median(rounds)


def contended(kind: str, path: Path) -> float:
    """Microseconds a call, of all processes together, while all of them call without a pause."""
    KINDS[kind](path)()  # the file is there before they start
    command = [sys.executable, __file__, kind, str(path)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    start = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        if worker.wait() != 0:
            raise SystemExit(f"a process of {kind} failed")
    seconds = time.perf_counter() - start
    for worker in workers:
        worker.communicate()
    return seconds / (PROCESSES * COUNT) * 1e6


def worker(kind: str, path: Path) -> None:
    work = KINDS[kind](path)
    work()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(COUNT):
        work()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        account = microseconds(in_memory(), 10 * COUNT)
        none = microseconds(lambda: open_shared(folder, print))
        base = microseconds(plain(folder / "plain.sqlite"))
        alone = microseconds(store(folder / "store.sqlite"))
        base_all = contended("plain", folder / "plain-all.sqlite")
        store_all = contended("store", folder / "store-all.sqlite")

    print(
        f"{COUNT:,} calls a round, {ROUNDS} rounds; {PROCESSES} processes of {COUNT:,} calls; "
        f"{len(CAPS)} caps; SQLite {sqlite3.sqlite_version}, WAL, synchronous=NORMAL"
    )
    print(f"Account, two levels       {account:8.1f} µs a reserve and settle")
    print(f"open_shared, no cap set   {none:8.1f} µs (target: under 50)")
    print(f"plain UPDATE              {base:8.1f} µs a charge")
    ratio = f"{alone / base:.1f} x plain"
    print(f"SqliteBudgetStore         {alone:8.1f} µs a reserve and settle   {ratio}")
    print(f"plain UPDATE, contended   {base_all:8.1f} µs a charge, of all together")
    ratio = f"{store_all / base_all:.1f} x plain"
    print(f"the store, contended      {store_all:8.1f} µs a reserve and settle   {ratio}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        worker(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
