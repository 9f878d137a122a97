"""The planner: pay an amount with as few coins as possible."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from lean_agent.planner import Ask, PlannedAnswer, Recognised

_TASK = re.compile(r"\s*Pay (\d{1,4}) with coins of (\d+(?:(?:, | and )\d+)*)\.\s*")


class Change:
    """Knows tasks such as "Pay 11 with coins of 1, 4 and 5."."""

    @property
    def domains(self) -> Sequence[str]:
        return ("change",)

    def recognise(
        self, task: str, files: Sequence[Path] = (), *, forced: bool = False
    ) -> Recognised | None:
        said = _TASK.fullmatch(task)
        if said is None:
            return None
        return Recognised(domain="change", instance=" ".join((said[1], *_numbers(said[2]))))

    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        amount, *coins = map(int, recognised.instance.split())
        paid, expansions = _fewest(amount, coins)
        if paid is None:
            return PlannedAnswer(
                status="unsolvable",
                answer="It cannot be paid.",
                evidence="every amount was tried",
                expansions=expansions,
            )
        right = sum(paid) == amount and set(paid) <= set(coins)
        return PlannedAnswer(
            status="solved" if right else "unknown",
            answer=" + ".join(map(str, paid)),
            evidence=f"{len(paid)} coins, added up anew",
            expansions=expansions,
        )

    async def devise(self, task: str, ask: Ask) -> PlannedAnswer:
        return PlannedAnswer(status="unknown", answer="", evidence="coin_shop knows coins alone")


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _fewest(amount: int, coins: Sequence[int]) -> tuple[list[int] | None, int]:
    waiting, seen = deque([(0, list[int]())]), {0}
    while waiting:
        paid, by = waiting.popleft()
        if paid == amount:
            return by, len(seen)
        for coin in coins:
            if coin > 0 and paid + coin <= amount and paid + coin not in seen:
                seen.add(paid + coin)
                waiting.append((paid + coin, [*by, coin]))
    return None, len(seen)


change = Change()
