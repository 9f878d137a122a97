"""One row of the ledger: what one attempt of one operation used and cost.

What may be billed is entered twice under one id: open before it is sent, with an estimate of its
prompt, and closed with the truth. A row that is still open when its process is gone was in flight
when that was killed. Spec: ledger ("Entries").
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, Literal
from uuid import uuid4

from lean_agent._redact import kept_secrets, redact
from lean_agent._semconv import Operation, Purpose
from lean_agent._text import writable
from lean_agent.usage import Usage

__all__ = ["Entry"]

_MAX_TEXT = 256
"""Characters kept of a free-text field. A model may write a tool's name as long as a page."""


def _new_id() -> str:
    return uuid4().hex


@lru_cache(maxsize=1024)
def _masked(text: str, secrets: tuple[str, ...]) -> str:
    text = redact(text, *secrets)[:_MAX_TEXT]
    # With half a character in it the whole row would be lost to the queries.
    return writable(text)


def _text(value: str | None) -> str | None:
    # Cut before the cache as well, so that it never holds on to something huge.
    return _masked(value[: 16 * _MAX_TEXT], kept_secrets()) if value else value


def _number(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _money(value: Decimal | None) -> str | None:
    return format(value, "f") if value is not None and value.is_finite() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row per operation attempt; it holds no prompt and no result.

    ``id`` and ``parent_id`` are UUIDs in hex: a run's row (operation invoke_agent, which uses and
    costs nothing itself) has the run's id, its calls have it as parent, and a tool call has the
    model call that asked for it. ``ts`` is when the attempt began, Unix time in seconds, UTC.
    ``model`` is the part after ``provider:``; both are empty where no model took part.
    ``price_ref`` names the price's source and date. ``attempt`` counts from 1: what is above is a
    retry. ``error_type`` is an error's code. The four durations are in seconds.

    ``usage.cost`` is what is billed. ``list_cost`` is what the price table says of it, US dollars:
    the two differ where a provider reports its own bill, and where the response cache served an
    answer; ``saved_tokens`` is then what sending it would have used, input and output.
    """

    run_id: str
    operation: Operation
    purpose: Purpose
    usage: Usage
    state: Literal["open", "closed"] = "closed"
    id: str = field(default_factory=_new_id)
    ts: float = field(default_factory=time.time)
    step: int = 0
    parent_id: str | None = None
    task_id: str | None = None
    session_id: str | None = None
    mode: str | None = None
    provider: str = ""
    model: str = ""
    tool: str | None = None
    price_ref: str | None = None
    list_cost: Decimal | None = None
    saved_tokens: int = 0
    attempt: int = 1
    finish_reason: str | None = None
    error_type: str | None = None
    seconds: float | None = None
    prompt_seconds: float | None = None
    output_seconds: float | None = None
    queue_seconds: float | None = None

    def to_row(self) -> dict[str, Any]:
        """Flat, plain JSON types, secrets redacted.

        ``cost`` and ``list_cost`` are decimal strings, or None where they are unknown;
        ``provenance`` joins several with ``+``. A time that is not a finite number becomes None, as
        JSON has no other.
        """
        usage = self.usage
        return {
            "id": self.id,
            "state": self.state,
            "ts": _number(self.ts),
            "run_id": _text(self.run_id),
            "step": self.step,
            "parent_id": self.parent_id,
            "task_id": _text(self.task_id),
            "session_id": _text(self.session_id),
            "operation": self.operation,
            "purpose": self.purpose,
            "mode": _text(self.mode),
            "provider": _text(self.provider),
            "model": _text(self.model),
            "tool": _text(self.tool),
            "input_tokens": usage.input_tokens,
            "uncached_input_tokens": usage.uncached_input_tokens,
            "cache_read_input_tokens": usage.cache_read_input_tokens,
            "cache_creation_input_tokens": usage.cache_creation_input_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_output_tokens": usage.reasoning_output_tokens,
            "cost": _money(usage.cost),
            "list_cost": _money(self.list_cost),
            "saved_tokens": self.saved_tokens,
            "provenance": "+".join(sorted(usage.provenance)),
            "price_ref": _text(self.price_ref),
            "attempt": self.attempt,
            "finish_reason": _text(self.finish_reason),
            "error_type": _text(self.error_type),
            "seconds": _number(self.seconds),
            "prompt_seconds": _number(self.prompt_seconds),
            "output_seconds": _number(self.output_seconds),
            "queue_seconds": _number(self.queue_seconds),
        }
