"""How much a provider may be asked a minute, by all runs of this process together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lean_agent.errors import ConfigurationError
from lean_agent.model import Model

__all__ = ["Limiter", "Rates", "Turn", "limiter_of"]

_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Requests and tokens (input and output) a minute; None is no limit.

    Raises:
        ConfigurationError: one that is not a whole number above 0.
    """

    requests: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("requests", "tokens"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigurationError(
                    f"Rates({name}={value!r}): needs a whole number above 0",
                    hint=f"leave {name} out for no limit",
                )


class _Bucket:
    """Fills evenly to a minute's worth. What is taken beyond its content is a debt, and whoever
    takes next waits for that, too: so they go in the order they came.
    """

    def __init__(self, size: int, now: float) -> None:
        self._size = size
        self._content = float(size)
        self._looked = now

    def take(self, amount: float, now: float) -> float:
        """Seconds until what is taken is there. A negative amount is given back."""
        filled = self._content + (now - self._looked) * self._size / _MINUTE
        self._content = min(float(self._size), filled) - amount
        self._looked = now
        return max(0.0, -self._content * _MINUTE / self._size)


@dataclass(slots=True)
class Turn:
    """One call's turn: it may be sent after ``seconds``."""

    seconds: float
    tokens: int


class Limiter:
    """Keeps to ``rates`` as providers count them: a minute's worth may be used at once.

    A call takes its prompt before it is sent and what it wrote afterwards, which the calls after
    it wait for. Safe to share between threads and event loops; ``clock`` returns seconds and never
    goes back.
    """

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        now = clock()
        self._requests = _Bucket(rates.requests, now) if rates.requests else None
        self._tokens = _Bucket(rates.tokens, now) if rates.tokens else None

    def take(self, prompt: int) -> Turn:
        """The turn of a call with a prompt of at most so many tokens."""
        return Turn(self._move(1, prompt), prompt)

    def give_back(self, turn: Turn) -> None:
        """The call was not sent."""
        self._move(-1, -turn.tokens)

    def settle(self, turn: Turn, tokens: int) -> None:
        """The call came to so many tokens, of input and output."""
        self._move(0, tokens - turn.tokens)

    def _move(self, requests: int, tokens: int) -> float:
        with self._lock:
            now = self._clock()
            waits = [
                bucket.take(amount, now)
                for bucket, amount in ((self._requests, requests), (self._tokens, tokens))
                if bucket is not None
            ]
        return max(waits, default=0.0)


_limiters: dict[tuple[str, Rates], Limiter] = {}


def limiter_of(model: Model, rates: Rates) -> Limiter:
    """The only one in this process for the model's server (its provider, where it has no address)
    at these rates.
    """
    server = getattr(model, "base_url", "") or model.name.partition(":")[0]
    return _limiters.setdefault((server, rates), Limiter(rates))
