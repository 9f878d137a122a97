"""The time of a machine that is paid by the hour, shared by the calls that run on it together.

While n calls of this process run, each is charged an nth of every second, so that together they
are charged what the machine costs. Calls of other processes are not seen. Spec: ledger ("Entries").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["MachineTime", "machine_time"]


class MachineTime:
    """One machine. ``clock`` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._share = 0.0  # seconds that a call running from the beginning would be charged
        self._last = clock()

    def begin(self) -> float:
        """A call begins; what ``share`` and ``end`` want to be given."""
        with self._lock:
            self._advance()
            self._running += 1
            return self._share

    def share(self, begun: float) -> float:
        """Seconds that a call is charged until now."""
        with self._lock:
            self._advance()
            return self._share - begun

    def end(self) -> None:
        """A call is over."""
        with self._lock:
            self._advance()
            self._running -= 1

    def _advance(self) -> None:
        now = self._clock()
        if self._running:
            self._share += (now - self._last) / self._running
        self._last = now


_machines: dict[str, MachineTime] = {}


def machine_time(model_name: str) -> MachineTime:
    """The machine that serves a model: one for each name in this process."""
    return _machines.setdefault(model_name, MachineTime())
