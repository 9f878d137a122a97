"""A model that says what it is told to: for tests of agents, tools and planners."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from lean_agent.errors import ModelError
from lean_agent.messages import Message
from lean_agent.model import (
    Completed,
    FinishReason,
    ModelCard,
    ModelRequest,
    ModelResponse,
    StreamEvent,
    TextDelta,
)
from lean_agent.models.tokens import schema_bound
from lean_agent.models.wire import tool_to_wire
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

__all__ = ["ScriptedAnswer", "ScriptedModel", "ScriptedResponse"]

ScriptedAnswer = str | Message | ModelResponse | Exception
ScriptedResponse = (
    ScriptedAnswer | Callable[[ModelRequest], ScriptedAnswer | Awaitable[ScriptedAnswer]]
)
"""Text, a message with tool calls, a whole response, an error to raise, or what makes one."""

_CHARS_PER_TOKEN = 4
_IMAGE_CHARS = 4_000
_PIECE_CHARS = 12


class ScriptedModel:
    """Gives ``responses`` in order, one a call, and keeps what it was asked in ``requests``.

    Usage is counted the same way each time, one token for every 4 characters begun and 1,000 for an
    image, so a test can name the numbers; ``count_tokens`` gives the very count a call is then
    charged with. Text longer than the output asked for is cut off, as a server does, and so is what
    comes after the request had enough. Once the script is used up, a call raises ModelError.
    """

    def __init__(
        self,
        responses: Sequence[ScriptedResponse],
        name: str = "scripted:test",
        card: ModelCard | None = None,
    ) -> None:
        self.requests: list[ModelRequest] = []
        self._responses = tuple(responses)
        self._name = name
        self._card = card or ModelCard(action_format="native", self_hosted=True)

    @property
    def name(self) -> str:
        return self._name

    @property
    def card(self) -> ModelCard:
        return self._card

    async def generate(self, request: ModelRequest) -> ModelResponse:
        index = len(self.requests)
        self.requests.append(request)
        if index >= len(self._responses):
            raise ModelError(
                f"the script of {self._name} has {len(self._responses)} responses; "
                f"this is call {index + 1}",
                hint="add a response to the script",
                model=self._name,
            )
        scripted = self._responses[index]
        if callable(scripted):
            made = scripted(request)
            answer = await made if inspect.isawaitable(made) else made
        else:
            answer = scripted
        if isinstance(answer, Exception):
            raise answer
        return self._response(request, answer)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """The same answer in pieces of 12 characters, giving way to other tasks between them."""
        response = await self.generate(request)
        text = response.message.content
        for start in range(0, len(text), _PIECE_CHARS):
            await asyncio.sleep(0)
            yield TextDelta(text[start : start + _PIECE_CHARS])
        yield Completed(response)

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        return _tokens(messages, tools)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _response(
        self, request: ModelRequest, answer: str | Message | ModelResponse
    ) -> ModelResponse:
        if isinstance(answer, ModelResponse):
            return answer
        message = Message("assistant", answer) if isinstance(answer, str) else answer
        finish: FinishReason = "tool_calls" if message.tool_calls else "stop"
        limit = (request.max_output_tokens or len(message.content)) * _CHARS_PER_TOKEN
        if not message.tool_calls and len(message.content) > limit:
            message, finish = Message("assistant", message.content[:limit]), "length"
        if request.enough is not None:
            for end in range(_PIECE_CHARS, len(message.content), _PIECE_CHARS):
                if request.enough(message.content[:end]):
                    message, finish = Message("assistant", message.content[:end]), "early_stop"
                    break
        usage = Usage(
            input_tokens=_tokens(request.messages, request.tools),
            output_tokens=_tokens((message,), ()),
            cost=None,
        )
        return ModelResponse(
            message=message,
            usage=usage,
            finish_reason=finish,
            model=self._name,
        )


def _tokens(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
    characters = sum(schema_bound(tool_to_wire(spec)) for spec in tools)
    for message in messages:
        characters += len(message.content) + _IMAGE_CHARS * len(message.images)
        characters += sum(len(c.name) + schema_bound(c.arguments) for c in message.tool_calls)
    return -(-characters // _CHARS_PER_TOKEN)
