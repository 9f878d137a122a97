"""Every way a provider fails, as this package's errors: what happened, what to do, what was paid.

Nothing of the provider's own exception is chained: its text and request may hold the key.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from lean_agent._redact import redact
from lean_agent.errors import (
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    LeanAgentError,
    ModelError,
    ModelTimeoutError,
    RateLimitError,
)
from lean_agent.models.wire import as_mapping
from lean_agent.usage import Usage

__all__ = ["CallSite", "answer_error", "provider_failures", "translate"]

_MAX_MESSAGE = 500
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")
_CONTEXT = re.compile(
    r"context_length_exceeded|exceed_context_size|exceeds the available context size"
    r"|maximum context length|context window|prompt is too long|too many tokens"
    r"|too large to process|input length exceeds|tokens per request",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content_filter|content_policy|content management policy|moderation|flagged", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """Whom a call is for. ``secret`` is the key in use, never shown; ``bills`` as of Endpoint."""

    model: str
    host: str
    key_variable: str | None
    secret: str
    bills: bool


def provider_failures() -> tuple[type[Exception], ...]:
    """What to catch around a call: the provider's and the network's failures, no others.

    ValueError is a body that is not JSON.
    """
    import httpx2
    import openai

    return (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, TimeoutError, ValueError)


def translate(error: Exception, site: CallSite, usage: Usage) -> LeanAgentError:
    """The error to raise in place of ``error``, ``from None``.

    ``usage`` is what has been paid if the server had begun to work on the call.
    """
    import openai

    if isinstance(error, openai.APIStatusError):
        headers: Mapping[str, str] = error.response.headers
        return _from_status(error.status_code, _server_text(error), site, headers)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        paid = None if _never_sent(error) else usage
        message = f"{site.model} did not answer in time"
        hint = f"raise the timeout, or see whether {site.host} is overloaded"
        return ModelTimeoutError(message, hint=hint, usage=paid, model=site.model, retryable=True)
    if isinstance(error, openai.APIConnectionError):
        return _from_connection(error, site, usage)
    if isinstance(error, openai.APIError):
        return answer_error(as_mapping(error.body), site, usage, fallback=error.message)
    if isinstance(error, ValueError):
        message = f"{site.host} sent what is not JSON"
        hint = "if this stays so, the base URL is not that of an OpenAI-compatible API"
        return ModelError(message, hint=hint, usage=usage, model=site.model, retryable=True)
    text = _shown(f"{type(error).__name__}: {error}", site)
    return ModelError(text, usage=usage, model=site.model, retryable=True)


def answer_error(
    error: Mapping[str, Any], site: CallSite, usage: Usage, *, fallback: str = "no reason given"
) -> LeanAgentError:
    """An ``error`` object that came in place of an answer, after a status of 200."""
    code = error.get("code")
    status = code if isinstance(code, int) else None
    if isinstance(code, str) and code.isdecimal():
        status = int(code)
    text = f"{error.get('message') or fallback} {code or ''} {error.get('type') or ''}".strip()
    failure = _from_status(status if status and status >= 400 else 500, text, site, {})
    if isinstance(failure, ModelError):
        failure.status = status
    failure.usage = usage
    return failure


def _never_sent(error: Exception) -> bool:
    return type(error.__cause__).__name__ in _NEVER_SENT


def _from_connection(error: Exception, site: CallSite, usage: Usage) -> ModelError:
    cause = error.__cause__
    text = _shown(str(cause) or type(cause).__name__, site)
    if _never_sent(error):
        message, paid = f"cannot reach {site.host}: {text}", None
        hint = "check the address and the network, and whether the server runs"
    else:
        message, paid = f"the connection to {site.host} broke off: {text}", usage
        hint = ""
    return ModelError(message, hint=hint, usage=paid, model=site.model, retryable=True)


def _from_status(
    status: int, text: str, site: CallSite, headers: Mapping[str, str]
) -> LeanAgentError:
    shown = _shown(text, site)
    message = f"{site.host} answered {status}: {shown}"
    details: dict[str, Any] = {
        "model": site.model,
        "status": status,
        "request_id": headers.get("x-request-id"),
        "retry_after": _retry_after(headers),
    }
    if _CONTEXT.search(text) and status in {400, 413, 422, 500}:
        hint = "shorten the prompt, or take a model with a longer context"
        return ContextLengthError(message, hint=hint, **details)
    if _FILTERED.search(text) and status in {400, 403, 422}:
        return ContentFilterError(message, hint="rephrase the request", **details)
    if status in {401, 403}:
        return ConfigurationError(message, hint=_key_hint(site))
    if status == 404:
        hint = f"check that {site.host} serves it, and the base URL"
        return ConfigurationError(f"no model {site.model!r} at {site.host}: {shown}", hint=hint)
    if status == 402 or "insufficient_quota" in text:
        kind = RateLimitError if status == 429 else ModelError
        hint = f"the account at {site.host} has no credit left"
        return kind(message, hint=hint, **details)
    if status == 429 or (status == 413 and "rate_limit" in text):
        hint = "wait, or send fewer requests at once"
        return RateLimitError(message, hint=hint, retryable=True, **details)
    if status == 413:
        return ContextLengthError(message, hint="shorten the prompt", **details)
    if status in {408, 504}:
        return ModelTimeoutError(message, retryable=True, **details)
    return ModelError(message, retryable=status in {409, 425} or status >= 500, **details)


def _key_hint(site: CallSite) -> str:
    if site.key_variable is None:
        return "this server wants a key: pass api_key"
    return f"check the key in {site.key_variable}, and what it is allowed to do"


def _server_text(error: Exception) -> str:
    """The server's message with its code and type, by which kinds of 400 are told apart."""
    body: object = getattr(error, "body", None)
    data = as_mapping(body)
    if not data:
        return body if isinstance(body, str) and body else str(error)
    message = data.get("message") or data.get("detail") or json.dumps(data, default=str)
    extra = [str(data[k]) for k in ("code", "type") if data.get(k) and data[k] != message]
    text = message if isinstance(message, str) else json.dumps(message, default=str)
    return f"{text} ({', '.join(extra)})" if extra else text


def _shown(text: str, site: CallSite) -> str:
    """One line without secrets, cut to a length that fits a terminal."""
    line = " ".join(redact(text, site.secret).split())
    return line if len(line) <= _MAX_MESSAGE else f"{line[:_MAX_MESSAGE]} ..."


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` or ``retry-after`` in seconds or as an HTTP date."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        raw = headers.get(name)
        if raw is None:
            continue
        try:
            seconds = float(raw) / unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(raw).timestamp() - time.time()
            except ValueError:
                continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None
