"""The error tree.

    LeanAgentError(message, hint=, usage=)
      ConfigurationError        the caller's mistake; the hint names what to set or install
        RunGoingOnError         the run to resume is going on already
      ModelError                the provider or engine failed
        ModelTimeoutError  RateLimitError  ServerDownError  ContextLengthError
        ContentFilterError
      ModelBehaviorError        the model answered, but not usefully
        InvalidToolCallError  OutputParseError
      ToolError                 shown to the model, which may mend its call
      PlannerError
        PlanCompileError  PlanExecutionError
      HookError                 a hook of the caller's raised
      LimitExceededError        a budget would be overrun
      RetrievalError            a collection of passages cannot be searched or filled
      LedgerError               the ledger could not be read or written

Every error has a stable ``code``, says whether trying again may help (``retryable``), carries the
``usage`` that was paid before it was raised, a ``hint`` that says what to do, and the ``exit_code``
that the command line ends with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.result import RunResult

__all__ = [
    "ConfigurationError",
    "ContentFilterError",
    "ContextLengthError",
    "HookError",
    "InvalidToolCallError",
    "LeanAgentError",
    "LedgerError",
    "LimitExceededError",
    "ModelBehaviorError",
    "ModelError",
    "ModelTimeoutError",
    "OutputParseError",
    "PlanCompileError",
    "PlanExecutionError",
    "PlannerError",
    "RateLimitError",
    "RetrievalError",
    "RunGoingOnError",
    "ServerDownError",
    "ToolError",
]


class LeanAgentError(Exception):
    """Root of everything this package raises on purpose.

    ``result`` is the partial RunResult where a run had begun: nothing paid for is lost.
    """

    code = "lean_agent_error"
    exit_code = 1
    retryable = False

    def __init__(self, message: str, *, hint: str = "", usage: Usage | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(hint)  # so that a traceback shows it
        self.usage = usage
        self.result: RunResult[Any] | None = None


class ConfigurationError(LeanAgentError):
    """The caller's mistake: a missing key, an unknown model, a wrong path."""

    code = "configuration"
    exit_code = 2


class RunGoingOnError(ConfigurationError):
    """Somebody else, in this process or another, goes on with the run: only one may."""

    code = "run_going_on"
    retryable = True


class ModelError(LeanAgentError):
    """The provider, the network or the embedded engine failed."""

    code = "model"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        usage: Usage | None = None,
        model: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, usage=usage)
        self.model = model
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.retryable = retryable


class ModelTimeoutError(ModelError):
    """No answer within the time given."""

    code = "model_timeout"


class RateLimitError(ModelError):
    """Too many requests or tokens; ``retry_after`` says how many seconds to wait, if known."""

    code = "rate_limit"


class ServerDownError(ModelError):
    """Nothing was sent: the server failed so often of late that it is left alone for a while."""

    code = "server_down"


class ContextLengthError(ModelError):
    """The prompt does not fit the model's window."""

    code = "context_length"


class ContentFilterError(ModelError):
    """The provider refused the content."""

    code = "content_filter"


class ModelBehaviorError(LeanAgentError):
    """The model answered, was paid, and what it wrote is of no use."""

    code = "model_behavior"


class InvalidToolCallError(ModelBehaviorError):
    """A call of an unknown tool or with arguments that do not fit; shown to the model to mend."""

    code = "invalid_tool_call"


class OutputParseError(ModelBehaviorError):
    """The output does not have the form that was asked for."""

    code = "output_parse"


class ToolError(LeanAgentError):
    """Raised by a tool; its message is shown to the model, which goes on."""

    code = "tool"


class PlannerError(LeanAgentError):
    """A planner failed."""

    code = "planner"


class PlanCompileError(PlannerError):
    """A generated planner's code does not load or pass its tests."""

    code = "plan_compile"


class PlanExecutionError(PlannerError):
    """A planner failed while it searched."""

    code = "plan_execution"


class HookError(LeanAgentError):
    """A hook of the caller's raised, and so ended the run; ``__cause__`` is what it raised."""

    code = "hook"


class LimitExceededError(LeanAgentError):
    """A budget would be overrun. ``limit_type`` is usd, tokens, steps, tool_calls or seconds."""

    code = "limit_exceeded"
    exit_code = 3

    def __init__(self, limit_type: str, value: object, limit: object, *, hint: str = "") -> None:
        super().__init__(f"{limit_type} limit reached: {value} of {limit}", hint=hint)
        self.limit_type = limit_type
        self.value = value
        self.limit = limit


class RetrievalError(LeanAgentError):
    """A collection of passages could not be searched or filled."""

    code = "retrieval"


class LedgerError(LeanAgentError):
    """The ledger could not be read or written."""

    code = "ledger"
