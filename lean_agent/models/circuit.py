"""A circuit for each server: one that fails every call is left alone for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from lean_agent.errors import ModelError, RateLimitError, ServerDownError
from lean_agent.model import Model

__all__ = ["Circuit", "circuit_of", "is_failure"]

_FAILURES = 5
_FIRST_PAUSE = 5.0
_MAX_PAUSE = 60.0
_PROBE_SECONDS = 1.0


class Circuit:
    """Opens after five failures in a row, of whatever runs, and refuses calls for 5 s. Then one
    call is let through as a probe, and no other until it has ended: its success closes the
    circuit, its failure doubles the pause, to a minute at most.

    A failure is one of the server as such: no connection, no answer in time, one that breaks off,
    5xx. Too many requests, a wrong key or a refused prompt come from a server that lives. Safe to
    share between threads and event loops. ``clock`` returns seconds and never goes back.
    """

    def __init__(self, server: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = _FIRST_PAUSE
        self._open_until: float | None = None  # None: it is closed
        self._probing = False

    def enter(self) -> bool:
        """Begin a call, and give what ``leave`` wants to be told: whether it is the probe.

        Raises:
            ServerDownError: the circuit is open.
        """
        with self._lock:
            if self._open_until is None:
                return False
            left = self._open_until - self._clock()
            if left <= 0 and not self._probing:
                self._probing = True
                return True
            seconds = left if left > 0 else _PROBE_SECONDS
            raise ServerDownError(
                f"{self._server} failed {self._failures} times in a row: it is not asked again for "
                f"{seconds:.0f} s",
                hint="see whether the server runs, or give the agent a list of models",
                retryable=True,
                retry_after=seconds,
            )

    def leave(self, *, probe: bool, failed: bool | None) -> None:
        """End one; ``failed`` is None where nobody knows: it was cancelled, or not sent."""
        with self._lock:
            if probe:
                self._probing = False
            if failed is None:
                return
            if not failed:
                self._failures, self._pause, self._open_until = 0, _FIRST_PAUSE, None
                return
            self._failures += 1
            if probe:
                self._pause = min(2 * self._pause, _MAX_PAUSE)
            elif self._failures < _FAILURES or self._open_until is not None:
                return
            self._open_until = self._clock() + self._pause


def is_failure(error: ModelError) -> bool:
    """Whether the error says that the server as such fails."""
    return error.retryable and not isinstance(error, RateLimitError)


_circuits: dict[str, Circuit] = {}


def circuit_of(model: Model) -> Circuit:
    """That of the server at the model's address, the only one in this process; a model that has
    no address gets one for itself.
    """
    address: str = getattr(model, "base_url", "")
    if not address:
        return Circuit(model.name)
    # Told without a name and password that may stand in it.
    host = urlsplit(address).netloc.rpartition("@")[2]
    return _circuits.setdefault(address, Circuit(host))
