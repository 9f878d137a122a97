"""What choosing a mode takes, beside reading the task once for words.

    python bench/gating.py [ROUNDS]

Decides 200 invented tasks of 40 words, with five tools offered, by the free rules, by a profile and
by a profile with weights. The baseline splits each task into words and counts them: what no gate
can do with less than. Medians over rounds, interleaved. Ends with 1 where a decision takes over a
millisecond.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable

from lean_agent.gate import Signals
from lean_agent.gating.calibrated import CalibratedGate
from lean_agent.gating.fit import Attempted, Tried, fit
from lean_agent.gating.rules import RuleGate

_WORDS = "how many of the old bridges in Oslo did 12 people cross each day before noon"
_TOOLS = frozenset({"search", "calculator", "python", "read_file", "list_files"})
_LIMIT = 1e-3


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    dice = random.Random(0)
    tasks = [" ".join(dice.choices(_WORDS.split(), k=40)) + "?" for _ in range(200)]
    signals = [Signals(task=task, tools=_TOOLS) for task in tasks]
    tried = [
        Tried(
            task_id=str(number),
            signals=one,
            attempts={
                "instant": Attempted(passed=number % 2, cost=100),
                "reason": Attempted(passed=number % 3 > 0, cost=400),
                "agent": Attempted(passed=1, cost=2_000),
            },
        )
        for number, one in enumerate(signals)
    ]
    rules = RuleGate()
    counted = CalibratedGate(fit(tried, model="m", source="invented"))
    learned = CalibratedGate(fit(tried, model="m", source="invented", with_weights=True))
    measured: dict[str, Callable[[Signals], object]] = {
        "counting the words": lambda one: Counter(one.task.split()),
        "free rules": rules.decide,
        "profile": counted.decide,
        "profile with weights": learned.decide,
    }
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, decide in measured.items():
            began = time.perf_counter()
            for one in signals:
                decide(one)
            seconds[name].append((time.perf_counter() - began) / len(signals))
    base = statistics.median(seconds["counting the words"])
    worst = 0.0
    for name, taken in seconds.items():
        found = statistics.median(taken)
        worst = max(worst, found)
        print(f"{name}: {found * 1e6:.1f} us a task, {found / base:.1f} times the words")
    return int(worst > _LIMIT)


if __name__ == "__main__":
    sys.exit(main())
