"""Recordings of a model's answers, so that a test asks a real model once and the file ever after.

A recording is JSON lines: a header with the model's name and card, then an answer or a token count
a line, keyed by a hash of what was asked. Secrets are taken out of the text before it is written.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from lean_agent._redact import redact
from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.messages import Message
from lean_agent.model import (
    Completed,
    Model,
    ModelCard,
    ModelRequest,
    ModelResponse,
    StreamEvent,
    TextDelta,
)
from lean_agent.models.tokens import prompt_bound
from lean_agent.models.wire import tool_to_wire
from lean_agent.tool_spec import ToolSpec

__all__ = ["RecordingModel", "ReplayModel", "request_key"]

_VERSION = 1
_PREVIEW_CHARS = 200
_PIECE_CHARS = 12


def request_key(name: str, request: ModelRequest) -> str:
    """What makes two requests to model ``name`` the same: all but timeout, slot and run."""
    asked = _prompt(request.messages, request.tools) | {
        "tool_choice": request.tool_choice,
        "max_output_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "stop": list(request.stop),
        "response_schema": request.response_schema,
        "grammar": request.grammar,
    }
    if request.not_beginning:
        asked["not_beginning"] = request.not_beginning
    return _key(name, asked)


def _count_key(name: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> str:
    return _key(name, _prompt(messages, tools))


def _prompt(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> dict[str, Any]:
    return {
        "messages": [message.to_dict() for message in messages],
        "tools": [tool_to_wire(spec) for spec in tools],
    }


def _key(name: str, asked: Mapping[str, Any]) -> str:
    # Redacted like the file: an answer that lost a secret comes back in the next request's history.
    shown = _redacted(asked)
    canonical = json.dumps([name, shown], sort_keys=True, ensure_ascii=False, default=dict)
    return sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


class RecordingModel:
    """``inner``, every completed answer and token count of which is appended to ``path``.

    Failed and abandoned calls are not recorded.

    Raises:
        ConfigurationError: the file is another model's recording, or none.
    """

    def __init__(self, inner: Model, path: Path | str) -> None:
        self._inner = inner
        self._path = Path(path)
        if self._path.exists():
            recorded = _read(self._path)[0]["name"]
            if recorded != inner.name:
                raise ConfigurationError(
                    f"{self._path} is a recording of {recorded}, not of {inner.name}",
                    hint="record to another file",
                )
        else:
            self._append(
                {
                    "lean_agent_recording": _VERSION,
                    "name": inner.name,
                    "base_url": self.base_url,
                    "card": asdict(inner.card),
                }
            )

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def card(self) -> ModelCard:
        return self._inner.card

    @property
    def base_url(self) -> str | None:
        """The recorded model's address, by which it is priced."""
        return getattr(self._inner, "base_url", None)

    async def generate(self, request: ModelRequest) -> ModelResponse:
        response = await self._inner.generate(request)
        self._record(request, response)
        return response

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        async with aclosing(self._inner.stream(request)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    self._record(request, event.response)
                yield event

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        count = await self._inner.count_tokens(messages, tools)
        self._append({"key": _count_key(self.name, messages, tools), "tokens": count})
        return count

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _record(self, request: ModelRequest, response: ModelResponse) -> None:
        self._append(
            {
                "key": request_key(self.name, request),
                "asked": _preview(request),
                "response": response.to_dict(),
            }
        )

    def _append(self, entry: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(_redacted(entry), ensure_ascii=False) + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)


class ReplayModel:
    """Answers from a recording, without a network; under the recorded model's name and card.

    A request that was recorded several times gets its answers in the order of recording, and the
    last of them ever after. Counts that were not recorded are bounds from the bytes.

    Raises:
        ConfigurationError: no such file, or no recording.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        header, *entries = _read(self._path)
        self._name: str = header["name"]
        self._card = ModelCard(**header["card"])
        self._base_url: str | None = header["base_url"]
        self._answers: dict[str, list[ModelResponse]] = {}
        self._counts: dict[str, int] = {}
        for entry in entries:
            if "tokens" in entry:
                self._counts[entry["key"]] = entry["tokens"]
            else:
                answers = self._answers.setdefault(entry["key"], [])
                answers.append(ModelResponse.from_dict(entry["response"]))
        for answers in self._answers.values():
            answers.reverse()

    @property
    def name(self) -> str:
        return self._name

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def base_url(self) -> str | None:
        """The recorded model's address, by which it is priced."""
        return self._base_url

    async def generate(self, request: ModelRequest) -> ModelResponse:
        answers = self._answers.get(request_key(self._name, request))
        if not answers:
            raise ModelError(
                f"{self._path} holds no answer to this request: {_preview(request)!r}",
                hint="the prompt, the tools or a setting has changed: record anew with "
                f"RecordingModel(model, {str(self._path)!r})",
                model=self._name,
            )
        return answers.pop() if len(answers) > 1 else answers[0]

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        response = await self.generate(request)
        text = response.message.content
        for start in range(0, len(text), _PIECE_CHARS):
            yield TextDelta(text[start : start + _PIECE_CHARS])
        yield Completed(response)

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        count = self._counts.get(_count_key(self._name, messages, tools))
        return prompt_bound(messages, tools) if count is None else count

    async def aclose(self) -> None:
        """Nothing is held."""


def _preview(request: ModelRequest) -> str:
    """The end of the prompt, for people who look into the file."""
    return redact(request.messages[-1].content)[:_PREVIEW_CHARS] if request.messages else ""


def _read(path: Path) -> list[dict[str, Any]]:
    """The header and the entries."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    except FileNotFoundError:
        raise ConfigurationError(
            f"no recording at {path}", hint="make one with RecordingModel"
        ) from None
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"{path} cannot be read as a recording: {error}") from None
    if not entries or entries[0].get("lean_agent_recording") != _VERSION:
        raise ConfigurationError(
            f"{path} is no recording of version {_VERSION}", hint="record to another file"
        )
    return entries


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {k: _redacted(v) for k, v in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_redacted(item) for item in cast("list[Any]", value)]
    return value
