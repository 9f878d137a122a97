"""The model boundary: one request object, one response object, one Protocol.

A model knows nothing of ledgers, budgets or retries; the runtime's meter does, and it is the only
caller. ``Usage.cost`` of a response is None, pricing happens where it is charged; unless a provider
known to report its bills has sent one: then it is that, with the provenance ``measured``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import exp
from statistics import fmean
from typing import Any, Literal, Protocol, runtime_checkable

from lean_agent.messages import Message
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

__all__ = [
    "ActionFormat",
    "CallDelta",
    "Completed",
    "FinishReason",
    "Model",
    "ModelCard",
    "ModelRequest",
    "ModelResponse",
    "RunProgress",
    "Slotted",
    "StreamEvent",
    "TextDelta",
    "Timings",
    "TokenLogprob",
]

_LEAST_LOGPROB = -1e4  # some servers write minus infinity as a huge number

ActionFormat = Literal["native", "schema", "tagged"]
"""How a model is asked to act: native tool calls, constrained JSON, or tagged text."""

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "aborted", "early_stop"]
"""``early_stop``: the request's ``enough`` ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is known of a model without calling it.

    ``context_tokens`` is the whole window (prompt and output). ``action_format`` is None until a
    probe has found it. ``self_hosted`` models run on the user's machine and have no token price
    unless the user sets one. ``grammar`` says that the server takes llama.cpp's GBNF, ``logprobs``
    that it gives log-probabilities where they are asked for. ``image_tokens`` is the most tokens
    that an image takes, None for a model that takes none, or of which nobody knows.
    """

    context_tokens: int = 128_000
    action_format: ActionFormat | None = None
    grammar: bool = False
    logprobs: bool = False
    self_hosted: bool = False
    image_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far the run is that makes a call: an engine with few slots orders those that wait by it.

    ``retrievals`` are those done, ``began`` is when the run did, in seconds of time.monotonic().
    ``last`` says that no other call of the run is expected: its prefix can be given up.
    """

    run_id: str
    retrievals: int
    began: float
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call.

    ``response_schema`` (JSON schema) and ``grammar`` (GBNF; only if the card says so) constrain
    the output and exclude each other. ``not_beginning`` are characters none of which the text may
    begin with, blanks aside; only servers that take grammars hold to it, and only where there is
    no schema, grammar or tool. ``timeout`` is in seconds for the whole call.
    ``slot`` pins an embedded engine's slot, so that a run's prefix stays in its cache; ``run`` is
    for the order of those that wait for one. Neither changes the answer.
    ``enough`` is told all the text so far, each time more of it has come, and ends the answer there
    where it says so (finish reason ``early_stop``); a model that cannot stream pays it no heed.
    ``top_logprobs`` asks for each output token's log-probability, and for those of as many others
    in its place (at most 20); a server that has none leaves them out.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: Literal["auto", "none", "required"] = "auto"
    max_output_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    response_schema: Mapping[str, Any] | None = None
    grammar: str | None = None
    not_beginning: str = ""
    timeout: float | None = None
    slot: int | None = None
    run: RunProgress | None = None
    top_logprobs: int | None = None
    enough: Callable[[str], bool] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds. ``prompt`` and ``output`` are None where the server does not tell them apart."""

    total: float = 0.0
    prompt: float | None = None
    output: float | None = None

    @property
    def queue(self) -> float | None:
        """The rest: the wait until the server took the call up, and what sending it took."""
        if self.prompt is None or self.output is None:
            return None
        return max(0.0, self.total - self.prompt - self.output)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """An output token as text, its natural log-probability, and those of the likeliest in its
    place, itself among them. Under a grammar they are those from before it rules tokens out.
    """

    token: str
    logprob: float
    top: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """``usage_estimated`` is true where the server sent no usage and tokens were guessed.

    ``malformed_tool_calls`` holds native calls whose arguments are no JSON object, as
    (name, raw arguments): paid for, and for the model to mend. ``logprobs`` is empty unless they
    were asked for and the server has them. ``cut_by`` is the limit of the run that shortened it
    (``tokens``, ``usd``, ``seconds``), "" for none.
    """

    message: Message
    usage: Usage
    finish_reason: FinishReason
    model: str
    timings: Timings = field(default_factory=Timings)
    request_id: str | None = None
    usage_estimated: bool = False
    malformed_tool_calls: tuple[tuple[str, str], ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    cut_by: str = ""

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the output tokens' probabilities; None where nobody knows them."""
        if not self.logprobs:
            return None
        return exp(fmean(max(one.logprob, _LEAST_LOGPROB) for one in self.logprobs))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "message": self.message.to_dict(),
            "usage": self.usage.to_dict(),
            "finish_reason": self.finish_reason,
            "model": self.model,
            "timings": asdict(self.timings),
            "request_id": self.request_id,
            "usage_estimated": self.usage_estimated,
            "malformed_tool_calls": [list(call) for call in self.malformed_tool_calls],
            "logprobs": [asdict(one) for one in self.logprobs],
            "cut_by": self.cut_by,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelResponse:
        return cls(
            message=Message.from_dict(data["message"]),
            usage=Usage.from_dict(data["usage"]),
            finish_reason=data["finish_reason"],
            model=data["model"],
            timings=Timings(**data["timings"]),
            request_id=data["request_id"],
            usage_estimated=data["usage_estimated"],
            malformed_tool_calls=tuple((name, raw) for name, raw in data["malformed_tool_calls"]),
            logprobs=tuple(TokenLogprob(**one) for one in data.get("logprobs", ())),
            cut_by=data.get("cut_by", ""),
        )


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """The newest native tool call as far as it is written: how ``{"tool": NAME, "arguments": {...``
    begins. Which servers send calls in pieces, and how small, differs.
    """

    so_far: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The last event of every stream that was not cut off."""

    response: ModelResponse


StreamEvent = TextDelta | CallDelta | Completed


@runtime_checkable
class Model(Protocol):
    """A chat model.

    Raises:
        ModelError: or a subclass, with ``retryable`` set; never a provider's own exception.
    """

    @property
    def name(self) -> str:
        """``provider:model``."""
        ...

    @property
    def card(self) -> ModelCard: ...

    async def generate(self, request: ModelRequest) -> ModelResponse: ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """Text and calls as they come, then one ``Completed``. Closing the iterator aborts it."""
        ...

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """An upper bound on the prompt's tokens, never an underestimate. Must not fail."""
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class Slotted(Protocol):
    """A model that answers few calls at a time and lets the others wait. Most don't know."""

    def free_slots(self) -> int:
        """How many calls would be taken up at once: 0 while any waits. Never blocks, must not fail.

        It is what this process knows; a call of another process may still be in the way.
        """
        ...
