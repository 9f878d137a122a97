"""One streamed call: chunks in, text out as it comes, and the whole answer at the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from lean_agent.errors import LeanAgentError, ModelError
from lean_agent.messages import Message
from lean_agent.model import (
    CallDelta,
    FinishReason,
    ModelRequest,
    ModelResponse,
    TextDelta,
    Timings,
    TokenLogprob,
)
from lean_agent.models import wire
from lean_agent.models.provider_errors import (
    CallSite,
    provider_failures,
    translate,
)
from lean_agent.models.run_on import RunOnGuard
from lean_agent.models.tokens import estimate_usage
from lean_agent.models.usage_report import read_usage
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

__all__ = ["StreamedCall"]


@dataclass(slots=True)
class _Call:
    """A tool call as its pieces arrive."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])

    @property
    def so_far(self) -> str:
        return f'{{"tool":{json.dumps(self.name)},"arguments":{"".join(self.arguments)}'

    def to_wire(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": "".join(self.arguments)}
        return {"id": self.id, "function": function}


class StreamedCall:
    """Opened, read until ``next_piece`` gives None, asked for its ``response``, closed always.

    ``timeout`` counts from the opening, in seconds, for the whole call. With ``guarded`` the call
    ends by itself, finish reason ``aborted``, once the output runs on; and always, ``early_stop``,
    once the request has enough of it.
    """

    def __init__(self, request: ModelRequest, site: CallSite, *, guarded: bool) -> None:
        self._request = request
        self._site = site
        self._guards = (RunOnGuard(), RunOnGuard()) if guarded else None
        self._started = time.perf_counter()
        self._deadline: float | None = None
        self._stream: AsyncStream[object] | None = None
        self._request_id: str | None = None
        self._text: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._calls: list[_Call] = []
        self._indexes: dict[object, _Call] = {}
        self._uncounted: list[str] = []  # output of every kind since the server's last count
        self._pieces = 0  # in how many parts that came
        self._began = False
        self._refused = False
        self._ended: FinishReason | None = None  # by us
        self._reason: object = None
        self._usage: Usage | None = None
        self._timings = Timings()

    async def open(self, client: AsyncOpenAI, body: dict[str, Any], options: Any) -> None:
        """Send the request.

        Raises:
            ModelError: or ConfigurationError, as the provider answers.
        """
        from openai import AsyncStream

        if self._request.timeout is not None:
            self._deadline = asyncio.get_running_loop().time() + self._request.timeout
        try:
            async with asyncio.timeout_at(self._deadline):
                self._stream = await client.post(
                    "/chat/completions",
                    cast_to=object,
                    body=body,
                    options=options,
                    stream=True,
                    stream_cls=AsyncStream[object],
                )
        except provider_failures() as error:
            raise self._failure(error) from None
        self._request_id = self._stream.response.headers.get("x-request-id")

    async def next_piece(self) -> TextDelta | CallDelta | None:
        """The next piece of the answer; None at its end.

        Raises:
            ModelError: the stream broke off, with the usage up to there.
        """
        assert self._stream is not None  # noqa: S101 - open() comes first
        while self._ended is None:
            try:
                if self._deadline is None:
                    chunk = await anext(self._stream)
                else:
                    async with asyncio.timeout_at(self._deadline):
                        chunk = await anext(self._stream)
            except StopAsyncIteration:
                break
            except asyncio.CancelledError as error:
                # What came is paid for: whoever charges the call finds it on the exception.
                setattr(error, "usage", self._paid())  # noqa: B010 - it has no such field
                raise
            except provider_failures() as error:
                if self._reason is not None:
                    break  # the answer is whole; only its usage is missing
                raise self._failure(error) from None
            if piece := self._feed(wire.as_mapping(chunk)):
                return piece
        return None

    async def close(self) -> None:
        """Close the connection if the answer has not been read to its end: the server stops."""
        if self._stream is not None:
            await self._stream.close()

    def response(self) -> ModelResponse:
        """The whole answer.

        Raises:
            ModelError: nothing came, or the end is missing.
        """
        if self._reason is None and self._ended is None:
            what = "broke off" if self._began else "brought no answer"
            message = f"the stream from {self._site.host} {what}"
            raise ModelError(
                message, usage=self._paid(), model=self._site.model, retryable=True,
                request_id=self._request_id,
            )  # fmt: skip
        calls, malformed = wire.read_tool_calls([call.to_wire() for call in self._calls])
        reason = self._ended
        if reason is None:
            called = bool(calls or malformed)
            reason = wire.finish_reason(self._reason, called=called, refused=self._refused)
        usage = self._paid()
        return ModelResponse(
            message=Message("assistant", "".join(self._text), calls),
            usage=usage,
            finish_reason=reason,
            model=self._site.model,
            timings=Timings(
                total=time.perf_counter() - self._started,
                prompt=self._timings.prompt,
                output=self._timings.output,
            ),
            request_id=self._request_id,
            usage_estimated="estimated" in usage.provenance,
            malformed_tool_calls=malformed,
            logprobs=tuple(self._logprobs),
        )

    def _feed(self, chunk: Mapping[str, Any]) -> TextDelta | CallDelta | None:
        piece = self._feed_delta(chunk)
        # Some servers count in every chunk, each time for the whole call and with that chunk's own.
        if usage := read_usage(chunk, billed=self._site.bills):
            self._usage, self._uncounted, self._pieces = usage, [], 0
        return piece

    def _feed_delta(self, chunk: Mapping[str, Any]) -> TextDelta | CallDelta | None:
        if "timings" in chunk:
            self._timings = wire.read_timings(chunk, 0.0)
        choices: object = chunk.get("choices")
        if not isinstance(choices, list) or not choices:
            return None
        choice = wire.as_mapping(cast("list[object]", choices)[0])
        self._reason = choice.get("finish_reason") or self._reason
        self._logprobs += wire.read_logprobs(choice)
        # Some servers send the last piece as a whole message.
        delta = wire.as_mapping(choice.get("delta") or choice.get("message"))
        text = wire.read_text(delta)
        arguments = self._feed_calls(delta.get("tool_calls"))
        hidden = delta.get("reasoning_content") or delta.get("reasoning")
        self._refused = self._refused or bool(delta.get("refusal"))
        if text or arguments or hidden:
            self._began = True
            self._pieces += 1
            self._uncounted += [text, arguments, hidden if isinstance(hidden, str) else ""]
        if text:
            self._text.append(text)
        if self._guards and (self._guards[0].feed(text) or self._guards[1].feed(arguments)):
            self._ended = "aborted"
        elif text and not self._reason and self._has_enough():
            self._ended = "early_stop"
        if text:
            return TextDelta(text)
        return CallDelta(self._calls[-1].so_far) if arguments else None

    def _has_enough(self) -> bool:
        enough = self._request.enough
        return enough is not None and enough("".join(self._text))

    def _feed_calls(self, deltas: object) -> str:
        """Add pieces of tool calls; the text of their arguments."""
        if not isinstance(deltas, list):
            return ""
        fed: list[str] = []
        for delta in map(wire.as_mapping, cast("list[object]", deltas)):
            function = wire.as_mapping(delta.get("function"))
            call = self._call_of(delta, function)
            call.id = call.id or str(delta.get("id") or "")
            name = str(function.get("name") or "")
            self._uncounted.append(name)
            call.name = call.name or name
            arguments = function.get("arguments")
            if arguments is not None:
                text = arguments if isinstance(arguments, str) else json.dumps(arguments)
                call.arguments.append(text)
                fed.append(text)
        return "".join(fed)

    def _call_of(self, delta: Mapping[str, Any], function: Mapping[str, Any]) -> _Call:
        """The call a piece belongs to; a new id with a name begins one, whatever its index says.

        Google sends every call under index 0 or none, each complete in one piece.
        """
        index, new_id = delta.get("index"), delta.get("id")
        call = self._indexes.get(index)
        if call is None and index is None and self._calls and not function.get("name"):
            return self._calls[-1]
        if call is None or (new_id and call.id and new_id != call.id and function.get("name")):
            call = _Call()
            self._calls.append(call)
            self._indexes[index] = call
        return call

    def _paid(self) -> Usage:
        """What the server has counted, and an estimate of what came after that."""
        guess = estimate_usage(self._request, "".join(self._uncounted), pieces=self._pieces)
        if self._usage is None:
            return guess
        if not guess.output_tokens:
            return self._usage
        output = self._usage.output_tokens + guess.output_tokens
        return replace(self._usage, output_tokens=output, cost=None, provenance=guess.provenance)

    def _failure(self, error: Exception) -> LeanAgentError:
        failure = translate(error, self._site, self._paid())
        if isinstance(failure, ModelError) and failure.request_id is None:
            failure.request_id = self._request_id
        return failure
