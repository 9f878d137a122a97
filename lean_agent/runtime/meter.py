"""The meter: the one place where a model is called, and where every attempt is charged.

Before a call its worst case is reserved (an upper bound on the prompt, the output asked for, at the
price) and the call entered as open; afterwards the truth is settled and entered, whether the call
succeeded, failed, was retried or was cut off. Spec: ledger ("Budgets").
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from lean_agent._semconv import Mode, Purpose
from lean_agent.errors import (
    ContentFilterError,
    LeanAgentError,
    LimitExceededError,
    ModelError,
    ModelTimeoutError,
)
from lean_agent.events import CostUpdated, Event, Token
from lean_agent.ledger.budget import Amount, Remaining
from lean_agent.messages import Message
from lean_agent.model import (
    CallDelta,
    Completed,
    Model,
    ModelRequest,
    ModelResponse,
    RunProgress,
)
from lean_agent.models.pricing import list_cost, priced
from lean_agent.models.response_cache import AnswerStore
from lean_agent.models.tokens import estimate_usage
from lean_agent.price import Price
from lean_agent.result import LimitOf
from lean_agent.runtime import serving
from lean_agent.runtime.book import Book
from lean_agent.runtime.fitting import Fitted, bound, fit
from lean_agent.runtime.journal import Journal
from lean_agent.runtime.machine_time import machine_time
from lean_agent.runtime.routes import Passage, Routes
from lean_agent.runtime.spending import Held, Spending
from lean_agent.runtime.waiting import Waiting
from lean_agent.usage import Usage

__all__ = ["STEP_PURPOSES", "Call", "Meter"]

_FITTINGS = 3
STEP_PURPOSES: frozenset[Purpose] = frozenset({"answer", "draft", "reason", "act"})
"""Calls that are steps of a run; the rest (probes, verifiers, routers) are charged beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Why a call is made. ``final`` calls may use the slice held back for the last answer.

    ``waits`` says that it waits for room that other runs may give back, a final one without its
    slice from then on; else it is refused at once.
    ``channel`` is where streamed text goes, and ``watch`` is told all of it, or of a native call,
    that stands so far; where both are None it is not streamed.
    """

    purpose: Purpose
    mode: Mode
    step: int
    final: bool = False
    waits: bool = True
    channel: Literal["answer", "reasoning", "action"] | None = None
    watch: Callable[[str], None] | None = None

    @property
    def is_step(self) -> bool:
        return self.purpose in STEP_PURPOSES


@dataclass(slots=True, kw_only=True)
class Meter:
    """Charges one run. ``usage`` is its total so far, every attempt counted.

    ``saved`` is what the response cache spared it, at list price. ``partial`` is the text of the
    call in flight (of several, the one that wrote last), ``limits_of`` whose each limit was that
    refused or shortened a call. ``began`` is when the run did, in seconds of time.monotonic();
    earlier parts of a resumed run put it back.
    """

    routes: Routes
    book: Book
    spending: Spending
    emit: Callable[[Event], None]
    final_seconds: float = 0.0
    cache: AnswerStore | None = None
    journal: Journal = field(default_factory=Journal)
    usage: Usage = field(default_factory=Usage)
    saved: Usage = field(default_factory=Usage)
    began: float = field(default_factory=time.monotonic)
    notices: list[str] = field(default_factory=list[str])
    partial: str = ""
    limits_of: dict[str, LimitOf | None] = field(default_factory=dict[str, "LimitOf | None"])

    async def call(self, request: ModelRequest, call: Call) -> ModelResponse:
        """Reserve, call with retries, settle; or serve the answer from the response cache.

        Raises:
            LimitExceededError: nothing was sent, the budget has no room for it.
            ContextLengthError: nothing was sent, the prompt leaves no room for an answer.
            ModelError: every attempt failed; each was charged.
        """
        if earlier := serving.answered_before(self, request, call):
            return serving.earlier_answer(self, earlier, call)
        if self.cache is None:
            return await self._tried(request, call)
        key = self.cache.key(self.model.name, getattr(self.model, "base_url", None), request)
        found = await asyncio.to_thread(self.cache.get, key)
        if found is not None:
            return serving.cached_answer(self, found, call)
        response = await self._tried(request, call)
        if self.cache.keeps(request, response):
            await asyncio.to_thread(self.cache.put, key, response)
        return response

    @property
    def seconds(self) -> float:
        """Seconds that the run has taken, over all its parts, without those of a person asked."""
        return self.spending.account.elapsed

    def _progress(self, call: Call) -> RunProgress:
        """Every tool call that ran counts as a retrieval: each has lengthened the prompt by what it
        found, and it is for that prefix that an engine lets a run go first.
        """
        done = self.spending.account.spent.tool_calls
        return RunProgress(
            run_id=self.book.run_id, retrievals=done, began=self.began, last=call.final
        )

    def limit_of(self, limit: str) -> LimitOf | None:
        """Whose limit it is that ended the run; None for "" and the model's window."""
        if limit in self.limits_of:
            return self.limits_of[limit]
        return self.spending.left_here(final=True).whose(limit)

    def take_notices(self) -> list[str]:
        """What the user should be told, one line each; once."""
        notices, self.notices[:] = list(self.notices), []
        if self.cache is not None:
            notices += self.cache.take_notices()
        return notices + self.book.ledger.take_notices()

    def spent(self) -> dict[str, Any]:
        """What the run has spent, in plain JSON types, for a checkpoint."""
        spent = self.spending.account.spent
        return {
            "usd": format(spent.usd, "f"),
            "tokens": spent.tokens,
            "steps": spent.steps,
            "tool_calls": spent.tool_calls,
            "seconds": self.seconds,
            "usage": self.usage.to_dict(),
            "saved": self.saved.to_dict(),
        }

    @property
    def model(self) -> Model:
        """The one that the run goes by now."""
        return self.routes.current.model

    @property
    def price(self) -> Price | None:
        """What it costs; None where nobody knows."""
        return self.routes.current.price

    def fall_back(self, error: ModelError) -> bool:
        """Go by the next model from now on, where there is one and it may help."""
        if not self.routes.fall_back(error):
            return False
        self._enter_model()
        return True

    def go_by(self, model: str) -> bool:
        """Go by this model from now on, and where it fails by those after it; False where there is
        none, or it was left behind.
        """
        if not self.routes.go_by(model):
            return False
        self._enter_model()
        return True

    def _enter_model(self) -> None:
        self.book.model = self.model.name
        self.book.price_ref = self.price.reference if self.price else None

    def _seconds_left(self) -> float | None:
        return self.spending.account.remaining(final=True).seconds

    async def _tried(self, request: ModelRequest, call: Call) -> ModelResponse:
        attempt = partial(self._attempt, request, call)
        return await self.routes.call(attempt, seconds_left=self._seconds_left, emit=self.emit)

    async def _attempt(
        self, request: ModelRequest, call: Call, numbers: Iterator[int]
    ) -> ModelResponse:
        prompt = await bound(request, self.model)
        route, left = self.routes.current, self._seconds_left()
        async with route.passage(prompt, seconds_left=left, emit=self.emit) as passage:
            return await self._charged(request, call, next(numbers), prompt, passage)

    async def _charged(
        self, asked: ModelRequest, call: Call, number: int, prompt: int, passage: Passage
    ) -> ModelResponse:
        fitted, held, sent = await self._reserve(asked, call, number, prompt)
        request = replace(
            asked,
            max_output_tokens=fitted.output_tokens,
            timeout=fitted.timeout,
            run=self._progress(call),
        )
        entry = self.book.open_call(call.purpose, call.mode, call.step, usage=sent, attempt=number)
        started = time.perf_counter()
        machine = machine_time(self.model.name)
        begun = machine.begin()
        self.partial = ""
        written: list[str] = []
        usage = Usage()
        truth: dict[str, Any] = {}
        try:
            response = await self._send(request, call, written, deadline=bool(fitted.time_limit))
            truth = {
                "finish_reason": response.finish_reason,
                "queue_seconds": response.timings.queue,
                "prompt_seconds": response.timings.prompt,
                "output_seconds": response.timings.output,
            }
            filtered = response.finish_reason == "content_filter"
            if filtered and not response.message.content:
                message = f"the provider withheld the answer of {self.model.name}"
                raise ContentFilterError(message, usage=response.usage, model=self.model.name)
            estimated = response.usage_estimated
            usage = self._priced(response.usage, machine.share(begun), estimated=estimated)
            is_cut = response.finish_reason in {"length", "aborted"}
            limit = fitted.output_limit or fitted.time_limit
            response = replace(response, usage=usage, cut_by=limit if is_cut else "")
            await self.journal.answered(lambda: serving.journal_key(self.model, asked), response)
            return response
        except LeanAgentError as error:
            truth = {"error_type": error.code}
            lost = _lost(request, error, "".join(written))  # an estimate is marked as one there
            usage = self._priced(lost, machine.share(begun), estimated=False)
            error.usage = usage
            took = time.perf_counter() - started
            if isinstance(error, ModelTimeoutError) and fitted.is_over(took):
                left = f"{fitted.timeout:.1f} s that the cap left"
                raise LimitExceededError(fitted.time_limit, "the call", left) from error
            raise
        except (asyncio.CancelledError, Exception) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            truth = {"error_type": "cancelled" if cancelled else "unknown"}
            if not usage.total_tokens:  # else it was answered already
                # A model's client may know more than what could be shown: reasoning, tool calls.
                lost = getattr(error, "usage", None) or estimate_usage(request, "".join(written))
                usage = self._priced(lost, machine.share(begun), estimated=True)
            raise
        finally:
            passage.tokens = usage.total_tokens
            self.usage += usage
            self.book.close(
                entry,
                usage=usage,
                list_cost=self._list_cost(usage, machine.share(begun)),
                seconds=time.perf_counter() - started,
                **truth,
            )
            machine.end()
            self.emit(CostUpdated(self.usage))
            steps = held.own.amount.steps
            spent = Amount(usd=usage.cost or Decimal(0), tokens=usage.total_tokens, steps=steps)
            await held.settle(spent)

    async def _reserve(
        self, request: ModelRequest, call: Call, number: int, prompt: int
    ) -> tuple[Fitted, Held, Usage]:
        """Fit the call into what is left and set its worst case aside.

        Also gives an estimate of what it costs once it is sent: its prompt.
        """
        sent = self._priced(estimate_usage(request, ""), 0.0, estimated=True)
        steps = int(call.is_step and number == 1)
        lost = Amount(usd=sent.cost or Decimal(0), tokens=sent.total_tokens, steps=steps)
        kept_seconds = 0.0 if call.final else self.final_seconds
        waiting = Waiting(
            spending=self.spending, emit=self.emit, final=call.final, kept_seconds=kept_seconds
        )

        def fit_into(left: Remaining) -> Fitted:
            return fit(
                request,
                prompt,
                left,
                model=self.model,
                price=self.price,
                kept_seconds=kept_seconds,
            )

        def fits(left: Remaining) -> bool:
            try:
                fit_into(left)
            except LimitExceededError:
                return False
            return left.steps is None or left.steps >= steps

        fittings = 0
        while True:
            left = await self.spending.left(final=call.final)
            try:
                fitted = fit_into(left.least)
                worst = Amount(usd=fitted.usd, tokens=prompt + fitted.output_tokens, steps=steps)
                held = await self.spending.reserve(worst, lost=lost, final=call.final)
            except LimitExceededError as error:
                if call.waits and await waiting.for_room(fits):
                    continue
                # Another run may have taken or given some of it since we looked.
                fittings += 1
                if fittings < _FITTINGS and fits(await self.spending.remaining(final=call.final)):
                    continue
                self.limits_of[error.limit_type] = left.whose(error.limit_type)
                raise
            for limit in filter(None, (fitted.output_limit, fitted.time_limit)):
                self.limits_of[limit] = left.whose(limit)
            return fitted, held, sent

    async def _send(
        self, request: ModelRequest, call: Call, written: list[str], *, deadline: bool
    ) -> ModelResponse:
        """One attempt. Streams where someone watches, or where time may cut the answer short: into
        ``written``, which is there when it fails.
        """
        watched = call.channel is not None or call.watch is not None
        if not watched and not (deadline and call.final):
            return await self.model.generate(request)
        try:
            async with aclosing(self.model.stream(request)) as stream:
                async for event in stream:
                    if isinstance(event, Completed):
                        return event.response
                    if isinstance(event, CallDelta):
                        so_far = event.so_far
                    else:
                        written.append(event.text)
                        self.partial = so_far = "".join(written)
                        if call.channel is not None:
                            self.emit(Token(event.text, call.channel))
                    if call.watch is not None:
                        call.watch(so_far)
        except ModelTimeoutError as error:
            if not (call.final and written):
                raise
            said = "".join(written)
            return ModelResponse(
                message=Message("assistant", said),
                usage=_lost(request, error, said),
                finish_reason="aborted",
                model=self.model.name,
                usage_estimated=True,
            )
        raise ModelError("the stream ended without an end", model=self.model.name, retryable=True)

    def _list_cost(self, usage: Usage, seconds: float) -> Decimal | None:
        if self.price is None or not usage.total_tokens:
            return usage.cost
        return list_cost(usage, self.price, seconds)

    def _priced(self, usage: Usage, seconds: float, *, estimated: bool) -> Usage:
        """``seconds`` is the machine time that the call is charged."""
        by_machine = self.price is not None and self.price.usd_per_hour
        if not usage.total_tokens and not by_machine:
            return usage
        return priced(
            usage, price=self.price, card=self.model.card, seconds=seconds, estimated=estimated
        )


def _lost(request: ModelRequest, error: LeanAgentError, written: str) -> Usage:
    """What a failed attempt used, as far as anyone can tell."""
    if error.usage is not None:
        return error.usage
    if written or isinstance(error, ModelTimeoutError):
        return estimate_usage(request, written)
    return Usage()
