"""What a LangChain chat model raises, as this package's errors.

Each partner package raises its provider's own exceptions; newer ones derive them from those of
langchain-core as well, which are told by their names, as older versions have none.
"""

from __future__ import annotations

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
from lean_agent.usage import Usage

__all__ = ["as_model_error"]

_MAX_CHARS = 500
_TIMEOUTS = {"TimeoutError", "APITimeoutError", "TimeoutException", "ModelTimeoutError"}
_CONNECTIONS = {"ConnectionError", "APIConnectionError", "TransportError", "ModelConnectionError"}


def as_model_error(error: Exception, model: str, usage: Usage) -> LeanAgentError:
    """The error to raise in its place; ``usage`` is what was paid if a server had begun."""
    if isinstance(error, LeanAgentError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = _status(error)
    text = " ".join(redact(str(error)).split())[:_MAX_CHARS]
    message = f"{model}: {type(error).__name__}: {text}"
    if kinds & _TIMEOUTS:
        message = f"{model} did not answer in time"
        return ModelTimeoutError(message, usage=usage, model=model, retryable=True)
    if "ContextOverflowError" in kinds:
        return ContextLengthError(message, model=model, status=status)
    if "ModelRefusalError" in kinds:
        return ContentFilterError(message, usage=usage, model=model, status=status)
    if status in {401, 403}:
        return ConfigurationError(message, hint="check the key that the chat model was made with")
    if status == 429:
        return RateLimitError(message, model=model, status=status, retryable=True)
    passing = kinds & _CONNECTIONS or (status is not None and status >= 500)
    return ModelError(message, model=model, status=status, retryable=bool(passing))


def _status(error: Exception) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        status: object = getattr(holder, "status_code", None)
        if isinstance(status, int):
            return status
    return None
