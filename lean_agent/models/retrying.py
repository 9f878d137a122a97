"""When a call that failed is made again, and after how long: for chat and embeddings alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from lean_agent.errors import ModelError

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["ATTEMPTS", "MAX_WAIT_SECONDS", "with_retries"]

ATTEMPTS = 3
MAX_WAIT_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 0.5
_MAX_BACK_OFF_SECONDS = 8.0

_Made = TypeVar("_Made")


def _retryable(error: ModelError) -> bool:
    return error.retryable


def _no_matter(_error: ModelError, _seconds: float) -> None:
    return None


async def with_retries(
    attempt: Callable[[], Awaitable[_Made]],
    *,
    attempts: int = ATTEMPTS,
    again: Callable[[ModelError], bool] = _retryable,
    pausing: Callable[[ModelError, float], None] = _no_matter,
) -> _Made:
    """What ``attempt`` gives, made ``attempts`` times at most.

    Between them it waits for as many seconds as the server asked for (``retry_after``), 30 at most,
    else for a jittered back-off. ``pausing`` is told before each wait, and may refuse it.

    Raises:
        ModelError: the last attempt's, or one that is not to be made ``again``.
    """
    from tenacity import (
        AsyncRetrying,
        retry_if_exception,
        stop_after_attempt,
        wait_random_exponential,
    )

    back_off = wait_random_exponential(_FIRST_WAIT_SECONDS, _MAX_BACK_OFF_SECONDS)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, ModelError)  # noqa: S101 - nothing else is tried again
        asked = error.retry_after
        seconds = min(back_off(state) if asked is None else asked, MAX_WAIT_SECONDS)
        pausing(error, seconds)
        return seconds

    retrying = AsyncRetrying(
        stop=stop_after_attempt(attempts),
        wait=wait,
        retry=retry_if_exception(lambda error: isinstance(error, ModelError) and again(error)),
        reraise=True,
    )
    async for tried in retrying:
        with tried:
            return await attempt()
    raise AssertionError("unreachable: reraise=True")
