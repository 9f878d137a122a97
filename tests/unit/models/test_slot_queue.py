"""The queue for an engine's slots: order, pinning, cancellation, loops and threads."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable

import pytest

from lean_agent.messages import Message
from lean_agent.model import ModelRequest, RunProgress
from lean_agent.models.slot_queue import SlotQueue


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(
    run_id: str = "",
    retrievals: int = 0,
    began: float = 0.0,
    *,
    slot: int | None = None,
    last: bool = False,
) -> ModelRequest:
    run = RunProgress(run_id=run_id, retrievals=retrievals, began=began, last=last)
    return ModelRequest(
        messages=(Message("user", "hello"),), run=run if run_id else None, slot=slot
    )


class Desk:
    """Calls that hold their slots until they are told to end."""

    def __init__(self, slots: int) -> None:
        self.clock = Clock()
        self.queue = SlotQueue(slots, clock=self.clock)
        self.served: list[tuple[str, int | None]] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ends: dict[str, asyncio.Event] = {}

    async def _call(self, name: str, request: ModelRequest) -> None:
        async with self.queue.slot(request) as slot:
            self.served.append((name, slot))
            await self.ends[name].wait()

    async def begin(self, name: str, request: ModelRequest) -> None:
        self.clock.now += 1
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._call(name, request))
        await settled()

    async def end(self, name: str) -> None:
        self.clock.now += 1
        self.ends[name].set()
        await self.tasks.pop(name)
        await settled()

    async def end_all(self) -> None:
        while self.tasks:
            await self.end(next(name for name, _ in self.served if name in self.tasks))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_requests_without_a_run_are_served_as_they_came() -> None:
    desk = Desk(1)
    for name in "abcde":
        await desk.begin(name, ask())
    await desk.end_all()
    assert [name for name, _ in desk.served] == list("abcde")
    assert desk.queue.free() == 1


async def test_the_run_that_is_farther_goes_first_looked_at_anew_each_time() -> None:
    desk = Desk(1)
    await desk.begin("first", ask("first", 0, 0))
    await desk.begin("new", ask("new", 0, 2))
    await desk.begin("far", ask("far", 3, 2))
    await desk.begin("middle", ask("middle", 1, 2))
    await desk.end("first")
    await desk.begin("farthest", ask("farthest", 9, 2))
    await desk.end_all()
    assert [name for name, _ in desk.served] == ["first", "far", "farthest", "middle", "new"]


async def test_a_run_gets_its_own_slot_if_it_is_free_and_another_rather_than_wait() -> None:
    desk = Desk(2)
    await desk.begin("a1", ask("a"))
    await desk.begin("b1", ask("b"))
    await desk.end("a1")
    await desk.end("b1")
    await desk.begin("b2", ask("b"))
    await desk.begin("b3", ask("b"))  # its own is taken
    await desk.end_all()
    assert desk.served == [("a1", 0), ("b1", 1), ("b2", 1), ("b3", 0)]


async def test_a_slot_that_the_request_names_is_given_if_it_is_free() -> None:
    desk = Desk(3)
    await desk.begin("a", ask(slot=2))
    await desk.begin("b", ask("b", slot=2))
    await desk.begin("c", ask("c", slot=7))  # there is none
    await desk.end_all()
    assert desk.served == [("a", 2), ("b", 0), ("c", 1)]


async def test_the_slot_given_up_is_of_a_run_that_is_over_else_the_one_left_last() -> None:
    desk = Desk(3)
    for name, request in [("a", ask("a")), ("b", ask("b", last=True)), ("c", ask("c"))]:
        await desk.begin(name, request)
    for name in ("b", "a", "c"):
        await desk.end(name)
    await desk.begin("d", ask("d"))
    await desk.begin("e", ask("e"))
    await desk.begin("f", ask("f"))
    await desk.end_all()
    assert desk.served[3:] == [("d", 1), ("e", 2), ("f", 0)]


async def test_a_slot_never_used_is_taken_before_one_whose_run_comes_back() -> None:
    desk = Desk(2)
    await desk.begin("a", ask("a"))
    await desk.end("a")
    await desk.begin("b", ask("b", last=True))
    await desk.end("b")
    await desk.begin("c", ask("c"))
    await desk.end_all()
    assert desk.served == [("a", 0), ("b", 1), ("c", 1)]


async def test_nobody_is_pinned_beside_a_request_whose_slot_is_the_engines_choice() -> None:
    desk = Desk(2)
    await desk.begin("any", ask())
    await desk.begin("a1", ask("a"))
    await desk.end("any")
    await desk.begin("a2", ask("a"))  # a1 may be in any slot
    await desk.end_all()
    await desk.begin("a3", ask("a"))
    await desk.end_all()
    assert [slot is None for _, slot in desk.served] == [True, True, True, False]


async def test_nobody_is_pinned_while_others_use_the_engine() -> None:
    queue = SlotQueue(2)
    async with queue.slot(ask("a"), alone=lambda: False) as slot:
        assert slot is None
    async with queue.slot(ask("a"), alone=lambda: True) as slot:
        assert slot is not None


async def test_free_slots_are_those_that_nobody_waits_for() -> None:
    desk = Desk(2)
    assert desk.queue.free() == 2
    await desk.begin("a", ask())
    assert desk.queue.free() == 1
    await desk.begin("b", ask())
    await desk.begin("c", ask())
    assert desk.queue.free() == 0
    await desk.end_all()
    assert desk.queue.free() == 2


async def test_one_that_is_cancelled_while_it_waits_is_forgotten() -> None:
    desk = Desk(1)
    for name in "abc":
        await desk.begin(name, ask())
    desk.tasks.pop("b").cancel()
    await settled()
    await desk.end_all()
    assert [name for name, _ in desk.served] == ["a", "c"]


async def test_a_slot_granted_in_the_moment_of_a_cancellation_is_passed_on() -> None:
    desk = Desk(1)
    for name in "abc":
        await desk.begin(name, ask())
    desk.ends["a"].set()
    # Its end hands the slot to b, whose wake-up comes a turn of the loop later.
    await desk.tasks.pop("a")
    desk.tasks.pop("b").cancel()
    await settled()
    assert [name for name, _ in desk.served] == ["a", "c"]
    await desk.end_all()


@pytest.mark.parametrize("seed", range(20))
async def test_random_calls_and_cancellations_never_lose_a_slot(seed: int) -> None:
    chance = random.Random(seed)
    queue = SlotQueue(3)
    held = [0, 0, 0]

    async def run(name: int) -> None:
        for step in range(4):
            async with queue.slot(ask(f"run{name}", step, float(name))) as slot:
                assert slot is not None
                held[slot] += 1
                assert held[slot] == 1
                try:
                    await asyncio.sleep(chance.random() / 500)
                finally:
                    held[slot] -= 1
            await asyncio.sleep(chance.random() / 500)

    tasks = [asyncio.create_task(run(name)) for name in range(12)]
    for task in chance.sample(tasks, 5):
        await asyncio.sleep(chance.random() / 200)
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [r for r in results if r and not isinstance(r, asyncio.CancelledError)]
    assert queue.free() == 3


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_loops_in_several_threads_share_the_slots() -> None:
    queue = SlotQueue(2)
    running: list[int] = []
    most: list[int] = []
    done: list[int] = []

    async def calls(number: int) -> None:
        async def one(_: int) -> None:
            async with queue.slot(ask(f"run{number}")) as slot:
                assert slot is not None
                running.append(slot)
                most.append(len(running))
                assert len(set(running)) == len(running)
                await asyncio.sleep(0.001)
                running.remove(slot)
                done.append(number)

        await asyncio.gather(*map(one, range(10)))

    in_threads(6, lambda number: asyncio.run(calls(number)))
    assert len(done) == 60
    assert max(most) <= 2
    assert queue.free() == 2


def test_what_a_closed_loop_held_or_waited_for_does_not_stop_the_others() -> None:
    queue = SlotQueue(1)
    lost = asyncio.new_event_loop()
    calls = [queue.slot(ask()) for _ in range(2)]
    lost.run_until_complete(calls[0].__aenter__())
    waiting = lost.create_task(calls[1].__aenter__())
    lost.run_until_complete(asyncio.sleep(0))
    lost.close()
    assert not waiting.done()

    async def one() -> int | None:
        async with asyncio.timeout(5), queue.slot(ask("a")) as slot:
            return slot

    assert asyncio.run(one()) == 0
    waiting.get_coro().close()  # type: ignore[union-attr]
    assert queue.free() == 1
