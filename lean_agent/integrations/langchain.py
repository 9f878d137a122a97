"""LangChain's tools and chat models as this package's."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.tools import ToolException as LangChainToolError
from langchain_core.utils.function_calling import convert_to_openai_tool

from lean_agent.errors import ConfigurationError, InvalidToolCallError, ModelError, ToolError
from lean_agent.integrations._langchain_errors import as_model_error
from lean_agent.messages import Message, ToolCall
from lean_agent.model import (
    Completed,
    ModelCard,
    ModelRequest,
    ModelResponse,
    StreamEvent,
    TextDelta,
    Timings,
)
from lean_agent.models.tokens import TokenCounter, estimate_usage
from lean_agent.models.wire import finish_reason, message_to_wire, tool_to_wire
from lean_agent.tool_schema import inlined
from lean_agent.tool_spec import Tool, ToolSpec
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from lean_agent.context import RunContext

__all__ = ["LangChainModel", "from_langchain_tool"]

_WINDOW = 128_000


def from_langchain_tool(
    tool: BaseTool,
    *,
    side_effects: bool = False,
    concurrency_safe: bool = True,
    timeout: float = 60.0,
    max_output_chars: int = 4_000,
) -> Tool:
    """A LangChain tool as a Tool; the options are those of ``@tool``.

    LangChain does not tell whether a tool changes anything: say ``side_effects=True`` of one that
    does, so that each call is asked about and none is served from memory.
    """
    function: dict[str, Any] = convert_to_openai_tool(tool)["function"]
    schema = inlined(dict(function.get("parameters", {})))
    parameters = {
        "type": "object",
        "properties": schema.get("properties", {}),
        "required": list(schema.get("required", ())),
        "additionalProperties": False,
    }
    spec = ToolSpec(
        name=tool.name,
        description=function.get("description", ""),
        parameters=parameters,
        side_effects=side_effects,
        concurrency_safe=concurrency_safe,
        timeout=timeout,
        max_output_chars=max_output_chars,
    )
    return _LangChainTool(tool, spec)


class _LangChainTool:
    def __init__(self, tool: BaseTool, spec: ToolSpec) -> None:
        self._tool = tool
        self.spec = spec

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        """The text of what it returns.

        Raises:
            InvalidToolCallError: the arguments do not fit; nothing was called.
            ToolError: the tool says that it failed.
            Exception: whatever else it raises.
        """
        del ctx
        self._check(arguments)
        # In the form of a call its result comes back as a message, whatever it is made of.
        call = {
            "type": "tool_call",
            "id": f"call_{uuid.uuid4().hex[:12]}",
            "name": self._tool.name,
            "args": dict(arguments),
        }
        from pydantic import ValidationError

        try:
            answer: object = await self._tool.ainvoke(call)
        except ValidationError as error:
            raise InvalidToolCallError(_misfit(self._tool.name, error)) from error
        except LangChainToolError as error:
            raise ToolError(str(error) or f"{self._tool.name} failed") from error
        if not isinstance(answer, ToolMessage):
            return str(answer)
        text = str(answer.text)
        if answer.status == "error":
            raise ToolError(text)
        return text or "Done."

    def _check(self, arguments: Mapping[str, Any]) -> None:
        """LangChain drops parameters that it does not know, and a schema alone checks nothing."""
        known = self.spec.parameters["properties"]
        name = self.spec.name
        if unknown := [given for given in arguments if given not in known]:
            told = ", ".join(known) or "none"
            raise InvalidToolCallError(
                f"{name}: there is no parameter {unknown[0]} (parameters: {told})"
            )
        if missing := [one for one in self.spec.parameters["required"] if one not in arguments]:
            raise InvalidToolCallError(f"{name}: {missing[0]} is missing")


def _misfit(name: str, error: Any) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{name}: {where}: {problem['msg']}"


class LangChainModel:
    """A LangChain chat model as a Model.

    Temperature, seed and what else it was made with stay as they are, and so do retries of its own,
    which nobody can charge: make it with ``max_retries=0``. Tokens come from the ``usage_metadata``
    of its answers; where there is none they are estimated, and marked so.

    Args:
        model: The chat model.
        name: ``provider:model``, by which its price is looked up, at the address that the chat
            model calls if it tells that. Without a price what it costs is unknown, and not nothing.
        card: What is known of it; by default native tool calls where it can bind tools.
        max_tokens_name: The argument that caps the output of one call; None if it takes none, and a
            budget can then be overrun by an answer.

    Raises:
        ConfigurationError: the name is not ``provider:model``.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        name: str,
        card: ModelCard | None = None,
        max_tokens_name: str | None = "max_tokens",
    ) -> None:
        if not all(name.partition(":")):
            raise ConfigurationError(
                f"not a model name: {name!r}", hint="write provider:model, as in openai:gpt-4o-mini"
            )
        self._model = model
        self._name = name
        self._card = card or _card(model)
        self._max_tokens_name = max_tokens_name
        self._counter = TokenCounter()
        for attribute in ("openai_api_base", "base_url", "anthropic_api_url"):
            address: object = getattr(model, attribute, None)
            if isinstance(address, str) and address:
                self.base_url = address  # prices are looked up by it
                break

    @property
    def name(self) -> str:
        return self._name

    @property
    def card(self) -> ModelCard:
        return self._card

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """One answer, whole."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(request.timeout):
                answer = await self._bound(request).ainvoke(_messages(request))
        except Exception as error:  # noqa: BLE001 - a partner package may raise anything
            raise self._failed(error, request, "") from None
        return self._response(request, answer, time.perf_counter() - started)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """Text as it comes, then ``Completed``."""
        started = time.perf_counter()
        whole: Any = None
        try:
            async with asyncio.timeout(request.timeout):
                pieces = cast(
                    "AsyncGenerator[AIMessage]", self._bound(request).astream(_messages(request))
                )
                async with aclosing(pieces) as stream:
                    async for piece in stream:
                        whole = piece if whole is None else whole + piece
                        if text := str(piece.text):
                            yield TextDelta(text)
        except Exception as error:  # noqa: BLE001 - a partner package may raise anything
            said = "" if whole is None else str(whole.text)
            raise self._failed(error, request, said) from None
        if whole is None:
            raise ModelError(f"{self._name} sent no answer", model=self._name, retryable=True)
        yield Completed(self._response(request, whole, time.perf_counter() - started))

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """An upper bound, from the bytes."""
        return await self._counter.count(messages, tools)

    async def aclose(self) -> None:
        """The chat model holds its connections, for whoever made it to close."""

    def _bound(self, request: ModelRequest) -> Runnable[Any, AIMessage]:
        if request.response_schema is not None or request.grammar is not None:
            # By the status the runtime knows that it can ask for the form in words.
            raise ModelError(f"{self._name} takes no schema", model=self._name, status=400)
        settings: dict[str, Any] = {}
        if request.stop:
            settings["stop"] = list(request.stop)
        if request.max_output_tokens is not None and self._max_tokens_name is not None:
            settings[self._max_tokens_name] = request.max_output_tokens
        if not request.tools:
            return self._model.bind(**settings)
        # "none" is not known to all of them, and a history with calls needs its tools.
        required = request.tool_choice == "required"
        choice: dict[str, Any] = {"tool_choice": "any"} if required else {}
        wire = [tool_to_wire(spec) for spec in request.tools]
        return self._model.bind_tools(wire, **choice).bind(**settings)

    def _failed(self, error: Exception, request: ModelRequest, said: str) -> Exception:
        return as_model_error(error, self._name, estimate_usage(request, said))

    def _response(
        self, request: ModelRequest, answer: BaseMessage, seconds: float
    ) -> ModelResponse:
        text = str(answer.text)
        calls: tuple[ToolCall, ...] = ()
        malformed: tuple[tuple[str, str], ...] = ()
        usage = None
        if isinstance(answer, AIMessage):
            calls = tuple(
                ToolCall(call["id"] or f"call_{place}", call["name"], call["args"])
                for place, call in enumerate(answer.tool_calls)
            )
            malformed = tuple(
                (call["name"] or "", call["args"] or "") for call in answer.invalid_tool_calls
            )
            usage = _usage(answer)
        told: Mapping[str, Any] = answer.response_metadata
        reason = str(told.get("finish_reason") or told.get("stop_reason") or "").lower()
        return ModelResponse(
            message=Message("assistant", text, calls),
            usage=usage or estimate_usage(request, text),
            finish_reason=finish_reason(
                reason, called=bool(calls or malformed), refused=reason in {"safety", "refusal"}
            ),
            model=self._name,
            timings=Timings(total=seconds),
            usage_estimated=usage is None,
            malformed_tool_calls=malformed,
        )


def _messages(request: ModelRequest) -> list[dict[str, Any]]:
    """OpenAI's form, which LangChain reads."""
    return [message_to_wire(message) for message in request.messages]


def _card(model: BaseChatModel) -> ModelCard:
    profile: Mapping[str, Any] = cast("Any", getattr(model, "profile", None)) or {}
    binds = type(model).bind_tools is not BaseChatModel.bind_tools
    return ModelCard(
        context_tokens=profile.get("max_input_tokens") or _WINDOW,
        action_format="native" if binds else "tagged",
    )


def _usage(answer: AIMessage | AIMessageChunk) -> Usage | None:
    told = answer.usage_metadata
    if told is None or not told["input_tokens"]:
        return None  # every prompt has tokens
    inputs, outputs = told.get("input_token_details", {}), told.get("output_token_details", {})
    return Usage(
        input_tokens=told["input_tokens"],
        output_tokens=told["output_tokens"],
        cache_read_input_tokens=inputs.get("cache_read", 0),
        cache_creation_input_tokens=inputs.get("cache_creation", 0),
        reasoning_output_tokens=outputs.get("reasoning", 0),
        cost=None,
    )
