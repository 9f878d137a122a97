"""Answers to model calls that need not be sent: from the response cache, and those that an earlier
part of the run was given before it was killed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lean_agent.events import CostUpdated, Token
from lean_agent.ledger.budget import Amount
from lean_agent.model import Model, ModelRequest, ModelResponse, Timings
from lean_agent.models.pricing import priced
from lean_agent.models.response_cache import ResponseCache
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.runtime.meter import Call, Meter

__all__ = ["answered_before", "cached_answer", "earlier_answer", "journal_key"]


def cached_answer(meter: Meter, found: ModelResponse, call: Call) -> ModelResponse:
    """Give a cached answer: nothing is sent and nothing billed, but a step is a step.

    Raises:
        LimitExceededError: the run has no step left.
    """
    account = meter.spending.account
    if call.is_step:
        account.reserve(Amount(steps=1), final=call.final).settle(Amount(steps=1))
    spared = priced(
        replace(found.usage, cost=None),  # at today's price, whatever it was billed
        price=meter.price,
        card=meter.model.card,
        seconds=0.0,
        estimated=False,
    )
    served = Usage(provenance=frozenset({"served"}))
    meter.usage += served
    meter.saved += spared
    meter.book.served_call(call.purpose, call.mode, call.step, usage=served, spared=spared)
    _tell(meter, found, call)
    return replace(found, usage=served, timings=Timings())


def journal_key(model: Model, request: ModelRequest) -> str:
    """By which the journal knows a request to a model, whatever cap it is fitted into."""
    return ResponseCache.key(model.name, getattr(model, "base_url", None), request)


def answered_before(meter: Meter, request: ModelRequest, call: Call) -> ModelResponse | None:
    """What an earlier part was told, by the model that the run goes by or one that stood in for it.

    A probe is of one model alone.
    """
    if not meter.journal.has_answers:
        return None
    routes = meter.routes.routes[:1] if call.purpose == "probe" else meter.routes.routes
    keys = (journal_key(route.model, request) for route in routes)
    return next((found for key in keys if (found := meter.journal.answer(key))), None)


def earlier_answer(meter: Meter, found: ModelResponse, call: Call) -> ModelResponse:
    """Give an answer of an earlier part, whose step and cost count among what that spent."""
    _tell(meter, found, call)
    return found


def _tell(meter: Meter, response: ModelResponse, call: Call) -> None:
    if call.channel is not None and response.message.content:
        meter.emit(Token(response.message.content, call.channel))
    meter.emit(CostUpdated(meter.usage))
