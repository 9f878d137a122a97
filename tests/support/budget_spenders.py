"""Programs that reserve and settle under one cap at the same time, in this process and others."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

from lean_agent.errors import LimitExceededError
from lean_agent.ledger.budget import NOTHING, Amount, Budget
from lean_agent.ledger.budget_store import Cap
from lean_agent.ledger.shared import SharedAccount
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

__all__ = ["SCOPE", "Told", "read", "spend", "start"]

SCOPE = "day"


def _amount(tokens: int) -> Amount:
    return Amount(tokens=tokens, usd=Decimal(tokens) / 1_000)


def _draw(seed: int, number: int) -> tuple[Amount, Amount, bool]:
    """What is reserved, what it comes to (never more), and whether it is refunded."""
    draw = random.Random(seed * 1_000_003 + number)
    most = draw.randint(5, 40)
    return _amount(most), _amount(draw.randint(0, most)), draw.random() < 0.2


def _tell(*words: object) -> None:
    """One line in one write, so that a kill leaves whole lines."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def spend(path: Path, tokens: int, count: int, seed: int, *, aloud: bool = False) -> int:
    """Half of ``count`` reservations from tasks, half from threads; the tokens settled.

    ``aloud`` tells of each on standard output: what is reserved and lost, asked and done.
    """
    tell: Callable[..., None] = _tell if aloud else lambda *words: None
    caps = [Cap(SCOPE, Budget(tokens=tokens, usd=Decimal(tokens) / 1_000))]
    store = SqliteBudgetStore(path)

    def in_thread(number: int) -> int:
        most, actual, refunded = _draw(seed, number)
        try:
            made = store.reserve(caps, most, lost=most)
        except LimitExceededError:
            tell("refused", number)
            return 0
        tell("reserved", number, most.tokens)
        actual = NOTHING if refunded else actual
        tell("settling", number, actual.tokens)
        store.settle(made, actual)
        tell("settled", number, actual.tokens)
        return actual.tokens

    async def in_task(account: SharedAccount, number: int) -> int:
        most, actual, refunded = _draw(seed, number)
        try:
            held = await account.reserve(most, lost=most)
        except LimitExceededError:
            tell("refused", number)
            return 0
        tell("reserved", number, most.tokens)
        actual = NOTHING if refunded else actual
        tell("settling", number, actual.tokens)
        await held.settle(actual)
        tell("settled", number, actual.tokens)
        return actual.tokens

    async def tasks() -> int:
        failures: list[str] = []
        mine = SqliteBudgetStore(path)
        account = SharedAccount(mine, lambda: caps, notify=failures.append)
        width = asyncio.Semaphore(8)

        async def one(number: int) -> int:
            async with width:
                return await in_task(account, number)

        settled = sum(await asyncio.gather(*(one(n) for n in range(0, count, 2))))
        await account.close()
        if failures:
            raise AssertionError(failures)
        return settled

    with ThreadPoolExecutor(5) as pool:
        from_tasks = pool.submit(asyncio.run, tasks())
        settled = sum(pool.map(in_thread, range(1, count, 2))) + from_tasks.result()
    store.close()
    tell("sum", settled)
    return settled


class Told:
    """What a process told of its reservations, before it ended or was killed."""

    def __init__(self, out: str) -> None:
        lines = [line.split() for line in out.splitlines() if line]
        self.reserved = {int(w[1]): int(w[2]) for w in lines if w[0] == "reserved"}
        self.settling = {int(w[1]): int(w[2]) for w in lines if w[0] == "settling"}
        self.settled = {int(w[1]): int(w[2]) for w in lines if w[0] == "settled"}
        self.refused = {int(w[1]) for w in lines if w[0] == "refused"}
        self.sum = next((int(w[1]) for w in lines if w[0] == "sum"), None)


def start(path: Path, tokens: int, count: int, seed: int, out: Path) -> subprocess.Popen[str]:
    """``spend`` aloud in a process of its own; ``out`` is where it tells."""
    with out.open("w") as file:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "support.budget_spenders"),
                *(path, str(tokens), str(count), str(seed)),
            ],
            cwd=Path(__file__).parents[1],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
        )


def read(process: subprocess.Popen[str], out: Path, timeout: float) -> Told:
    _, err = process.communicate(timeout=timeout)
    if process.returncode not in {0, -9}:
        raise AssertionError(err)
    return Told(out.read_text())


if __name__ == "__main__":
    spend(Path(sys.argv[1]), *map(int, sys.argv[2:5]), aloud=True)
