"""The models that a run may go by, each with its price and what its server allows.

Calls are retried here and nowhere else, and here a run falls back on its next model.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count

from lean_agent.errors import (
    ContentFilterError,
    ContextLengthError,
    LimitExceededError,
    ModelError,
    ServerDownError,
)
from lean_agent.events import Event, Notice
from lean_agent.model import Model, ModelResponse
from lean_agent.models.circuit import Circuit, circuit_of, is_failure
from lean_agent.models.rates import Limiter, Rates, limiter_of
from lean_agent.models.retrying import MAX_WAIT_SECONDS, with_retries
from lean_agent.price import Price

__all__ = ["Passage", "Route", "Routes", "route_to"]


@dataclass(slots=True)
class Passage:
    """One attempt on its way. ``tokens`` is what it came to, None until it has been sent."""

    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``limiter`` is None where the user gave no rates for the provider."""

    model: Model
    price: Price | None
    circuit: Circuit
    limiter: Limiter | None = None

    @asynccontextmanager
    async def passage(
        self, prompt: int, *, seconds_left: float | None, emit: Callable[[Event], None]
    ) -> AsyncGenerator[Passage]:
        """Make one attempt, with a prompt of at most so many tokens, in this block.

        Raises:
            ServerDownError: its circuit is open; the block is not entered.
            LimitExceededError: the rates leave it no turn in the time left; neither.
        """
        passage = Passage()
        if self.limiter is None:
            with self._circuit(passage):
                yield passage
            return
        turn = self.limiter.take(prompt)
        try:
            if seconds_left is not None and turn.seconds >= seconds_left:
                wait = f"a wait of {turn.seconds:.1f} s for the rates of {self.model.name}"
                raise LimitExceededError("seconds", wait, f"{seconds_left:.1f} left")
            if turn.seconds >= 1:
                emit(Notice(f"{self.model.name}: waiting {turn.seconds:.0f} s to keep its rates"))
            await asyncio.sleep(turn.seconds)
            with self._circuit(passage):
                yield passage
        finally:
            if passage.tokens is None:
                self.limiter.give_back(turn)
            else:
                self.limiter.settle(turn, passage.tokens)

    @contextmanager
    def _circuit(self, passage: Passage) -> Generator[None]:
        probe, failed = self.circuit.enter(), None
        try:
            yield
            failed = False
        except ModelError as error:
            failed = is_failure(error)
            raise
        finally:
            self.circuit.leave(probe=probe, failed=None if passage.tokens is None else failed)


@dataclass(slots=True)
class Routes:
    """``routes`` are in the order of preference; the first of them is in use."""

    routes: Sequence[Route]
    _failure: ModelError | None = field(default=None, init=False)
    _failed_after: int = field(default=0, init=False)
    _tried: int = field(default=0, init=False)

    @property
    def current(self) -> Route:
        return self.routes[0]

    async def call(
        self,
        attempt: Callable[[Iterator[int]], Awaitable[ModelResponse]],
        *,
        seconds_left: Callable[[], float | None],
        emit: Callable[[Event], None],
    ) -> ModelResponse:
        """What ``attempt`` gives, tried again where that may help. It takes its number from the
        iterator once it is to be sent; attempts by an earlier model count, too.

        Raises:
            ModelError: the last attempt's.
            LimitExceededError: the time left ends before the next attempt.
        """

        def pausing(error: ModelError, seconds: float) -> None:
            left = seconds_left()
            if left is not None and seconds >= left:
                wait = f"a wait of {seconds:.1f} s before the next attempt"
                raise LimitExceededError("seconds", wait, f"{left:.1f} left") from error
            if seconds >= 1:
                emit(Notice(f"{error}; trying again in {seconds:.0f} s"))

        numbers, self._tried = count(self._tried + 1), 0
        try:
            return await with_retries(
                lambda: attempt(numbers), again=self._worth_another, pausing=pausing
            )
        except ModelError as error:
            self._failure, self._failed_after = error, next(numbers) - 1
            raise

    def fall_back(self, error: ModelError) -> bool:
        """Take the next route; False if there is none, or if another would not help: the error did
        not end a call of this one, or the prompt is what is wrong.
        """
        of_prompt = isinstance(error, ContextLengthError | ContentFilterError)
        if error is not self._failure or of_prompt or len(self.routes) < 2:
            return False
        self.routes = self.routes[1:]
        self._tried = self._failed_after
        return True

    def go_by(self, model: str) -> bool:
        """Take the route to a model, and leave those before it; False where there is none."""
        for number, route in enumerate(self.routes):
            if route.model.name == model:
                self.routes, self._tried = self.routes[number:], 0
                return True
        return False

    def sent_again(self, error: ModelError) -> None:
        """The next call is the one that ``error`` ended, made shorter: another attempt at it."""
        if error is self._failure and error.usage is not None:  # else nothing was sent
            self._tried = self._failed_after

    def _worth_another(self, error: ModelError) -> bool:
        """A server that wants a long rest is not waited for where another can answer."""
        rests = isinstance(error, ServerDownError) or (error.retry_after or 0.0) > MAX_WAIT_SECONDS
        return error.retryable and not (rests and len(self.routes) > 1)


def route_to(model: Model, price: Price | None, rates: Mapping[str, Rates]) -> Route:
    """``rates`` are by provider."""
    allowed = rates.get(model.name.partition(":")[0])
    return Route(
        model=model,
        price=price,
        circuit=circuit_of(model),
        limiter=limiter_of(model, allowed) if allowed is not None else None,
    )
