"""Work beside the event loop: threads used again, whatever else hangs."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Iterator

import pytest

from lean_agent import _threads
from lean_agent._threads import in_daemon_thread, start_in_daemon_thread, to_its_end

NAME = contextvars.ContextVar("NAME", default="nobody")


@pytest.fixture(autouse=True)
def workers_of_this_test() -> Iterator[None]:
    _threads._idle.clear()  # pyright: ignore[reportPrivateUsage]
    yield
    _threads._idle.clear()  # pyright: ignore[reportPrivateUsage]


async def one_after_another(count: int) -> set[int]:
    """The threads that did it."""
    used: set[int] = set()
    for _ in range(count):
        used.add(await in_daemon_thread(threading.get_native_id))
        await asyncio.sleep(0.01)  # the thread has told its result before it is idle
    return used


async def test_work_is_done_by_a_thread_that_is_idle() -> None:
    assert len(await one_after_another(10)) == 1


async def test_work_that_hangs_holds_up_no_other_work() -> None:
    free = threading.Event()
    hanging = [asyncio.ensure_future(in_daemon_thread(free.wait)) for _ in range(40)]
    async with asyncio.timeout(10):
        await one_after_another(3)
        free.set()
        await asyncio.gather(*hanging)


async def test_work_has_the_callers_context_and_leaves_none_behind() -> None:
    def work() -> str:
        before = NAME.get()
        NAME.set("the worker's own")
        return before

    for name in ("one", "two"):
        NAME.set(name)
        assert await in_daemon_thread(work) == name
        assert NAME.get() == name
        await asyncio.sleep(0.01)


async def test_a_thread_goes_on_after_work_that_failed() -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await in_daemon_thread(lambda: 1 / 0)
        with pytest.raises(SystemExit):
            await in_daemon_thread(lambda: exit(3))
        await asyncio.sleep(0.01)
    assert len(await one_after_another(2)) == 1


async def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "_IDLE_SECONDS", 0.05)
    threads = await asyncio.gather(*(in_daemon_thread(threading.current_thread) for _ in range(5)))
    for thread in threads:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()
    assert await one_after_another(2)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_a_forked_child_starts_threads_of_its_own() -> None:
    await one_after_another(2)
    child = os.fork()
    if child == 0:
        os._exit(0 if asyncio.run(in_daemon_thread(lambda: 7)) == 7 else 1)
    async with asyncio.timeout(10):
        _, status = await in_daemon_thread(lambda: os.waitpid(child, 0))
    assert status == 0


async def test_work_goes_to_its_end_however_often_its_caller_is_cancelled() -> None:
    go, over = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(10)
        over.set()

    caller = asyncio.ensure_future(to_its_end(start_in_daemon_thread(work)))
    for _ in range(3):
        await asyncio.sleep(0.01)
        caller.cancel()
    await asyncio.sleep(0.01)
    assert not caller.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert over.is_set()


async def test_a_cancelled_caller_is_told_so_though_the_work_failed() -> None:
    go = threading.Event()

    def work() -> None:
        go.wait(10)
        raise OSError("the disk is full")

    caller = asyncio.ensure_future(to_its_end(start_in_daemon_thread(work)))
    await asyncio.sleep(0.01)
    caller.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError) as told:
        await caller
    assert isinstance(told.value.__cause__, OSError)

    with pytest.raises(OSError, match="full"):
        await to_its_end(start_in_daemon_thread(work))
