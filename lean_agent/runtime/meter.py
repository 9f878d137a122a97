"""The meter: the one place where a model is called, and where every attempt is charged.

Before a call its worst case is reserved (an upper bound on the prompt, the output asked for, at the
price); afterwards the truth is settled and an entry written, whether the call succeeded, failed,
was retried or was cut off. Spec: ledger ("Budgets").
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from lean_agent._semconv import Mode, Purpose
from lean_agent.errors import (
    ContextLengthError,
    LeanAgentError,
    LimitExceededError,
    ModelError,
    ModelTimeoutError,
)
from lean_agent.events import CostUpdated, Event, Notice, Token
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Amount, Remaining
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.messages import Message
from lean_agent.model import (
    Completed,
    Model,
    ModelRequest,
    ModelResponse,
    Timings,
)
from lean_agent.models.pricing import Price, priced
from lean_agent.models.tokens import estimate_usage, schema_bound
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["Call", "Meter"]

_DEFAULT_OUTPUT_TOKENS = 1_024
_MIN_OUTPUT_TOKENS = 8
_ATTEMPTS = 3
_MAX_WAIT_SECONDS = 30.0
_SECONDS_PER_HOUR = 3_600
_MACHINE_SECONDS = 600.0
_ABORT_SECONDS = 0.5  # what it takes, at most, until a call past its deadline is stopped
_STEP_PURPOSES: frozenset[Purpose] = frozenset({"answer", "reason", "act"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Why a call is made. ``final`` calls may use the slice held back for the last answer.

    ``channel`` is where streamed text goes; None: it is not streamed.
    """

    purpose: Purpose
    mode: Mode
    step: int
    final: bool = False
    channel: Literal["answer", "reasoning", "action"] | None = None


@dataclass(slots=True, kw_only=True)
class Meter:
    """Charges one run. ``usage`` is its total so far, every attempt counted.

    ``partial`` is the text of the call in flight, ``cut_by`` the limit that shortened the last one.
    """

    model: Model
    ledger: Ledger
    account: Account
    price: Price | None
    run_id: str
    emit: Callable[[Event], None]
    final_seconds: float = 0.0
    session_id: str | None = None
    usage: Usage = field(default_factory=Usage)
    partial: str = ""
    cut_by: str = ""

    async def call(self, request: ModelRequest, call: Call) -> ModelResponse:
        """Reserve, call with retries, settle.

        Raises:
            LimitExceededError: nothing was sent, the budget has no room for it.
            ContextLengthError: nothing was sent, the prompt leaves no room for an answer.
            ModelError: every attempt failed; each was charged.
        """
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=self._wait,
            retry=retry_if_exception(lambda e: isinstance(e, ModelError) and e.retryable),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                number = attempt.retry_state.attempt_number
                return await self._attempt(request, call, number)
        raise AssertionError("unreachable: reraise=True")

    def _wait(self, retry_state: RetryCallState) -> float:
        """Seconds before the next attempt: what the server asked for, else a jittered back-off.

        Raises:
            LimitExceededError: the time left ends before that.
        """
        from tenacity import wait_random_exponential

        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, ModelError) else None
        if asked is None:
            asked = wait_random_exponential(0.5, 8)(retry_state)
        seconds = min(asked, _MAX_WAIT_SECONDS)
        left = self.account.remaining(final=True).seconds
        if left is not None and seconds >= left:
            wait = f"a wait of {seconds:.1f} s before the next attempt"
            raise LimitExceededError("seconds", wait, f"{left:.1f} left") from error
        if seconds >= 1:
            self.emit(Notice(f"{error}; trying again in {seconds:.0f} s"))
        return seconds

    async def _attempt(self, request: ModelRequest, call: Call, number: int) -> ModelResponse:
        prompt = await self.model.count_tokens(request.messages, request.tools)
        if request.response_schema is not None and not self.model.card.grammar:
            prompt += schema_bound(request.response_schema)  # hosted servers bill it as input
        remaining = self.account.remaining(final=call.final)
        limit_type, timeout = self._deadline(request, call, remaining)
        output, shortened_by = self._fit(request, prompt, remaining, timeout)
        is_step = call.purpose in _STEP_PURPOSES
        worst = Amount(
            usd=self._worst(prompt, output, timeout),
            tokens=prompt + output,
            steps=int(is_step and number == 1),
        )
        request = replace(request, max_output_tokens=output, timeout=timeout)
        with self.account.reserve(worst, final=call.final) as reservation:
            started = time.perf_counter()
            self.partial = self.cut_by = ""
            usage = Usage()
            error_code = finish = None
            timings = Timings()
            try:
                response = await self._send(request, call, deadline=bool(limit_type))
                timings, finish = response.timings, response.finish_reason
                if finish in {"length", "aborted"}:
                    self.cut_by = shortened_by or limit_type
                usage = self._priced(response.usage, started, estimated=response.usage_estimated)
                return replace(response, usage=usage)
            except LeanAgentError as error:
                error_code = error.code
                usage = self._priced(self._lost(request, error), started, estimated=True)
                error.usage = usage
                if isinstance(error, ModelTimeoutError) and limit_type:
                    left = f"{timeout:.1f} s that the cap left"
                    raise LimitExceededError(limit_type, "the call", left) from error
                raise
            except (asyncio.CancelledError, Exception) as error:
                error_code = "cancelled" if isinstance(error, asyncio.CancelledError) else "unknown"
                usage = self._priced(estimate_usage(request, self.partial), started, estimated=True)
                raise
            finally:
                reservation.settle(
                    Amount(
                        usd=usage.cost or Decimal(0), tokens=usage.total_tokens, steps=worst.steps
                    )
                )
                self._charge(call, usage, timings, started, number, finish, error_code)

    def _deadline(
        self, request: ModelRequest, call: Call, remaining: Remaining
    ) -> tuple[str, float | None]:
        """Seconds that the call may take, and which limit says so ("" if the request does).

        A machine priced by the hour has no other worst case than the time it may take.
        """
        bounds: list[tuple[float, str]] = []
        if request.timeout is not None:
            bounds.append((request.timeout, ""))
        if remaining.seconds is not None:
            kept = 0.0 if call.final else self.final_seconds
            bounds.append((remaining.seconds - kept, "seconds"))
        if self.price is not None and self.price.usd_per_hour:
            bounds.append((_MACHINE_SECONDS, ""))
            if remaining.usd is not None:
                affordable = float(remaining.usd / self.price.usd_per_hour) * _SECONDS_PER_HOUR
                bounds.append((affordable - _ABORT_SECONDS, "usd"))
        if not bounds:
            return "", None
        timeout, limit_type = min(bounds)
        if timeout <= 0:
            raise LimitExceededError(limit_type, "a call", "what is left: no time for it")
        return limit_type, timeout

    def note_tool(
        self,
        tool: str,
        step: int,
        seconds: float,
        outcome: Literal["done", "served", "refused", "cancelled"],
        *,
        is_error: bool = False,
    ) -> None:
        """Enter a tool call, which has no price of its own but took its time."""
        self.ledger.append(
            Entry(
                ts=time.time() - seconds,
                run_id=self.run_id,
                session_id=self.session_id,
                step=step,
                operation="execute_tool",
                purpose="tool",
                mode="agent",
                usage=Usage(),
                tool=tool,
                finish_reason=outcome,
                error_type="tool" if is_error else None,
                seconds=seconds,
            )
        )

    def _charge(
        self,
        call: Call,
        usage: Usage,
        timings: Timings,
        started: float,
        attempt: int,
        finish: str | None,
        error_code: str | None,
    ) -> None:
        self.usage += usage
        provider, _, model = self.model.name.partition(":")
        seconds = time.perf_counter() - started
        entry = Entry(
            ts=time.time() - seconds,
            run_id=self.run_id,
            session_id=self.session_id,
            step=call.step,
            operation="chat",
            purpose=call.purpose,
            mode=call.mode,
            provider=provider,
            model=model,
            usage=usage,
            price_ref=self.price.reference if self.price else None,
            attempt=attempt,
            finish_reason=finish,
            error_type=error_code,
            seconds=seconds,
            prompt_seconds=timings.prompt,
            output_seconds=timings.output,
        )
        self.ledger.append(entry)
        self.emit(CostUpdated(self.usage))

    async def _send(self, request: ModelRequest, call: Call, *, deadline: bool) -> ModelResponse:
        """One attempt. Streams where someone watches, or where time may cut the answer short."""
        if call.channel is None and not (deadline and call.final):
            return await self.model.generate(request)
        pieces: list[str] = []
        try:
            async with aclosing(self.model.stream(request)) as stream:
                async for event in stream:
                    if isinstance(event, Completed):
                        return event.response
                    pieces.append(event.text)
                    self.partial = "".join(pieces)
                    if call.channel is not None:
                        self.emit(Token(event.text, call.channel))
        except ModelTimeoutError:
            if not (call.final and self.partial):
                raise
            return ModelResponse(
                message=Message("assistant", self.partial),
                usage=estimate_usage(request, self.partial),
                finish_reason="aborted",
                model=self.model.name,
                usage_estimated=True,
            )
        raise ModelError("the stream ended without an end", model=self.model.name, retryable=True)

    def _lost(self, request: ModelRequest, error: LeanAgentError) -> Usage:
        """What a failed attempt used, as far as anyone can tell."""
        if error.usage is not None:
            return error.usage
        if self.partial or isinstance(error, ModelTimeoutError):
            return estimate_usage(request, self.partial)
        return Usage()

    def _priced(self, usage: Usage, started: float, *, estimated: bool) -> Usage:
        by_machine = self.price is not None and self.price.usd_per_hour
        if not usage.total_tokens and not by_machine:
            return usage
        return priced(
            usage,
            price=self.price,
            card=self.model.card,
            seconds=time.perf_counter() - started,
            estimated=estimated,
        )

    def _worst(self, prompt: int, output: int, timeout: float | None) -> Decimal:
        if self.price is None:
            return Decimal(0)
        return self.price.worst_case(prompt, output, timeout or 0.0)

    def _fit(
        self,
        request: ModelRequest,
        prompt: int,
        remaining: Remaining,
        timeout: float | None,
    ) -> tuple[int, str]:
        """Output tokens that the window, the token cap and the money left allow.

        With them, the limit that made them fewer than the request asks for ("" if none did).
        """
        output = request.max_output_tokens or _DEFAULT_OUTPUT_TOKENS
        window = self.model.card.context_tokens - prompt
        if window < _MIN_OUTPUT_TOKENS:
            raise ContextLengthError(
                f"a prompt of {prompt} tokens for a window of {self.model.card.context_tokens}",
                hint="shorten the question or choose a model with a larger window",
                model=self.model.name,
            )
        shortened_by = "context" if output > window else ""
        output = min(output, window)
        if remaining.tokens is not None and output > remaining.tokens - prompt:
            output, shortened_by = remaining.tokens - prompt, "tokens"
            if output < _MIN_OUTPUT_TOKENS:
                raise LimitExceededError(
                    "tokens", f"a prompt of {prompt}", f"{remaining.tokens} left"
                )
        if remaining.usd is not None and self._worst(prompt, output, timeout) > remaining.usd:
            low, high = 0, output
            while low < high:
                middle = (low + high + 1) // 2
                affordable = self._worst(prompt, middle, timeout) <= remaining.usd
                low, high = (middle, high) if affordable else (low, middle - 1)
            output, shortened_by = low, "usd"
            if output < _MIN_OUTPUT_TOKENS:
                need = self._worst(prompt, _MIN_OUTPUT_TOKENS, timeout)
                raise LimitExceededError("usd", f"a call of ${need}", f"${remaining.usd} left")
        return output, shortened_by
