"""How long a call may take and how much it may write, within what is left."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from lean_agent.errors import ContextLengthError, LimitExceededError
from lean_agent.ledger.budget import Remaining
from lean_agent.model import Model, ModelRequest
from lean_agent.models.tokens import likely_tokens, schema_bound
from lean_agent.price import Price

__all__ = ["ABORT_SECONDS", "Fitted", "bound", "fit"]

_DEFAULT_OUTPUT_TOKENS = 1_024
_MIN_OUTPUT_TOKENS = 8
_MACHINE_SECONDS = 600.0
ABORT_SECONDS = 0.5
"""What it takes, at most, until a call past its deadline is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """``timeout`` in seconds, None if nothing bounds it; ``usd`` is the call's worst case.

    ``time_limit`` names the cap that set the timeout and ``output_limit`` the one that shortened
    the output; both are "" where the request itself did.
    """

    output_tokens: int
    output_limit: str
    timeout: float | None
    time_limit: str
    usd: Decimal

    def is_over(self, seconds: float) -> bool:
        """Whether a cap has ended a call that took so long: a server may time out by itself."""
        return bool(self.time_limit) and self.timeout is not None and seconds >= self.timeout


async def bound(request: ModelRequest, model: Model) -> int:
    """At most so many tokens of prompt."""
    tokens = await model.count_tokens(request.messages, request.tools)
    if request.response_schema is not None and not model.card.grammar:
        tokens += schema_bound(request.response_schema)  # hosted servers bill it as input
    return tokens


def fit(
    request: ModelRequest,
    prompt: int,
    remaining: Remaining,
    *,
    model: Model,
    price: Price | None,
    kept_seconds: float,
) -> Fitted:
    """Fit a call with a prompt of at most ``prompt`` tokens into what remains.

    ``kept_seconds`` of the time left are not for this call.

    Raises:
        LimitExceededError: too little is left for any answer.
        ContextLengthError: the prompt leaves no room for one in the model's window.
    """
    if remaining.usd is not None and price is None and not model.card.self_hosted:
        # A dollar cap that was set while the run goes on.
        raise LimitExceededError("usd", "a call of unknown price", f"${remaining.usd} left")
    time_limit, timeout = _deadline(request, remaining, price, kept_seconds)
    output, output_limit = _window(request, prompt, model)
    if remaining.tokens is not None and output > remaining.tokens - prompt:
        output, output_limit = remaining.tokens - prompt, "tokens"
        if output < _MIN_OUTPUT_TOKENS:
            raise LimitExceededError("tokens", f"a prompt of {prompt}", f"{remaining.tokens} left")
    usd = _worst(price, prompt, output, timeout)
    if remaining.usd is not None and usd > remaining.usd:
        output, output_limit = _affordable(price, prompt, output, timeout, remaining.usd), "usd"
        if output < _MIN_OUTPUT_TOKENS:
            need = _worst(price, prompt, _MIN_OUTPUT_TOKENS, timeout)
            raise LimitExceededError("usd", f"a call of ${need}", f"${remaining.usd} left")
        usd = _worst(price, prompt, output, timeout)
    return Fitted(
        output_tokens=output,
        output_limit=output_limit,
        timeout=timeout,
        time_limit=time_limit,
        usd=usd,
    )


def _deadline(
    request: ModelRequest, remaining: Remaining, price: Price | None, kept_seconds: float
) -> tuple[str, float | None]:
    """A machine priced by the hour has no other worst case than the time it may take."""
    bounds: list[tuple[float, str]] = []
    if request.timeout is not None:
        bounds.append((request.timeout, ""))
    if remaining.seconds is not None:
        bounds.append((remaining.seconds - kept_seconds, "seconds"))
    if price is not None and price.usd_per_hour:
        bounds.append((_MACHINE_SECONDS, ""))
        if remaining.usd is not None:
            bounds.append((price.seconds_for(remaining.usd) - ABORT_SECONDS, "usd"))
    if not bounds:
        return "", None
    timeout, limit = min(bounds)
    if timeout <= 0:
        raise LimitExceededError(limit, "a call", "what is left: no time for it")
    return limit, timeout


def _window(request: ModelRequest, prompt: int, model: Model) -> tuple[int, str]:
    wanted = request.max_output_tokens or _DEFAULT_OUTPUT_TOKENS
    context = model.card.context_tokens
    if prompt + wanted > context:
        prompt = likely_tokens(request, prompt, grammar=model.card.grammar)
    window = context - prompt
    if window < _MIN_OUTPUT_TOKENS:
        raise ContextLengthError(
            f"a prompt of {prompt} tokens for a window of {context}",
            hint="shorten the question or choose a model with a larger window",
            model=model.name,
        )
    return min(wanted, window), "context" if wanted > window else ""


def _worst(price: Price | None, prompt: int, output: int, timeout: float | None) -> Decimal:
    return Decimal(0) if price is None else price.worst_case(prompt, output, timeout or 0.0)


def _affordable(
    price: Price | None, prompt: int, output: int, timeout: float | None, usd: Decimal
) -> int:
    """The most output tokens, up to ``output``, whose worst case is within ``usd``."""
    low, high = 0, output
    while low < high:
        middle = (low + high + 1) // 2
        if _worst(price, prompt, middle, timeout) <= usd:
            low = middle
        else:
            high = middle - 1
    return low
