from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from lean_agent.retrieval.turns import in_turn


class Work:
    """Counts how many of it go on at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self._lock:
            self.now -= 1
        return "done"


async def burst(work: Work) -> list[str]:
    return await asyncio.gather(*(in_turn(work) for _ in range(60)))


async def test_a_burst_is_worked_off_by_few_threads() -> None:
    work = Work()
    assert await burst(work) == ["done"] * 60
    assert 2 <= work.most < 60


async def test_those_cancelled_give_their_turn_to_others() -> None:
    work = Work()
    tasks = [asyncio.create_task(in_turn(work)) for _ in range(60)]
    await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert await asyncio.wait_for(in_turn(work), 5) == "done"


def test_each_event_loop_has_turns_of_its_own() -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(asyncio.run, burst(Work())) for _ in range(8)]
        assert [run.result() for run in runs] == [["done"] * 60] * 8
