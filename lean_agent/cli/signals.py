"""Signals, handled by the event loop for as long as something should hear of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

__all__ = ["ENDING", "heard"]

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
