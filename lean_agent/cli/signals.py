"""Signals, handled by the event loop for as long as something should hear of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from lean_agent.cli.failures import EXIT_INTERRUPTED

__all__ = ["ENDING", "Interruptions", "heard"]

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Asks the process to end, where SIGINT may only mean the work at hand."""


@contextmanager
def heard(numbers: Sequence[int], received: Callable[[int], None]) -> Generator[None]:
    """Call ``received`` from the running loop; afterwards everything is as before.

    What the caller had ignored (nohup) stays ignored.
    """
    loop = asyncio.get_running_loop()
    earlier = {number: signal.getsignal(number) for number in numbers}
    taken = [number for number in numbers if earlier[number] not in (None, signal.SIG_IGN)]
    for number in taken:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            signal.signal(number, earlier[number])


class Interruptions:
    """Turns signals into an orderly end of one run.

    The first sets ``stop``, the second cancels, a third ends the process. ``terminated`` says that
    a signal other than Ctrl-C came.
    """

    def __init__(self) -> None:
        self.stop: asyncio.Event = asyncio.Event()
        self.terminated = False
        self._count = 0

    async def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work, listening.

        Raises:
            CancelledError: after the second signal.
        """
        task = asyncio.create_task(work)

        def received(number: int) -> None:
            self.terminated |= number in ENDING
            self._count += 1
            if self._count == 1:
                self.stop.set()
            elif self._count == 2:
                task.cancel()
            else:
                raise SystemExit(EXIT_INTERRUPTED)

        with heard((signal.SIGINT, *ENDING), received):
            await task
