"""Which action format can this model do? Asked once, with two small questions a format.

Capability is a property of the model and its server together: the same weights write a correct call
as text and never in the native form (local-stack, "What the model is like"). So it is tried, the
cheapest format first, and the answer is remembered on disk.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lean_agent._files import write_whole
from lean_agent._paths import state_dir
from lean_agent._redact import redact
from lean_agent.errors import ModelBehaviorError, ModelError
from lean_agent.messages import Message
from lean_agent.model import ActionFormat, Model, ModelRequest, ModelResponse
from lean_agent.models.actions import action_schema, instructions, parse_action
from lean_agent.tool_spec import ToolSpec

__all__ = ["ProbeReport", "format_key", "probe", "recall", "remember"]

_FORMATS: tuple[ActionFormat, ...] = ("native", "schema", "tagged")
_OUTPUT_TOKENS = 96


def _spec(name: str, description: str, parameter: str) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=description,
        parameters={
            "type": "object",
            "properties": {parameter: {"type": "string"}},
            "required": [parameter],
            "additionalProperties": False,
        },
    )


_TOOLS = (
    _spec("search", "Search the documents for a query.", "query"),
    _spec("calculator", "Evaluate an arithmetic expression.", "expression"),
    _spec("read_file", "Read a text file.", "path"),
)
_QUESTIONS = (
    ("What is 48172 * 319? Use a tool.", "calculator", "48172"),
    ("Search the documents for the melting point of gallium.", "search", "gallium"),
)


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """``outcomes`` says of each format tried "ok" or what went wrong. ``seconds`` is wall time."""

    action_format: ActionFormat
    outcomes: dict[str, str]
    calls: int
    seconds: float


def _request(action_format: ActionFormat, question: str) -> ModelRequest:
    text = instructions(action_format, _TOOLS)
    content = f"{text}\n\nQuestion: {question}" if text else question
    return ModelRequest(
        messages=(Message("user", content),),
        tools=_TOOLS if action_format == "native" else (),
        max_output_tokens=_OUTPUT_TOKENS,
        temperature=0.0,
        stop=("</tool>",) if action_format == "tagged" else (),
        response_schema=action_schema(_TOOLS) if action_format == "schema" else None,
    )


def _fault(
    response: ModelResponse, action_format: ActionFormat, wanted: tuple[str, str]
) -> str | None:
    """What is wrong with the response as an action, or None."""
    if action_format == "native" and not response.message.tool_calls:
        return "wrote no native tool call"
    try:
        action = parse_action(response, action_format, _TOOLS)
    except ModelBehaviorError as error:
        return error.message
    name, argument = wanted
    if not action.calls or action.calls[0].name != name:
        return f"did not call {name}"
    values = " ".join(str(v) for v in action.calls[0].arguments.values()).lower()
    return None if argument in values else f"called {name} with other arguments"


async def probe(generate: Callable[[ModelRequest], Awaitable[ModelResponse]]) -> ProbeReport:
    """Try each format until one answers both questions; ``tagged`` is what remains.

    Raises:
        ModelError: the model cannot be reached at all.
        ConfigurationError: it does not exist, or the key is wrong.
    """
    started = time.perf_counter()
    outcomes: dict[str, str] = {}
    calls = 0
    for action_format in _FORMATS:
        fault: str | None = None
        for question, *wanted in _QUESTIONS:
            calls += 1
            try:
                response = await generate(_request(action_format, question))
            except ModelError as error:
                if error.status is None or error.status >= 500 or error.retryable:
                    raise
                fault = f"refused by the server: {error.message}"
            else:
                fault = _fault(response, action_format, (wanted[0], wanted[1]))
            if fault:
                break
        outcomes[action_format] = fault or "ok"
        if fault is None:
            return ProbeReport(action_format, outcomes, calls, time.perf_counter() - started)
    return ProbeReport("tagged", outcomes, calls, time.perf_counter() - started)


def _memory() -> Path:
    return state_dir() / "action_formats.json"


def _load() -> dict[str, Any]:
    try:
        data = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def format_key(model: Model) -> str:
    """What a model's format is remembered by: the same name at another address is another model."""
    return f"{model.name} {getattr(model, 'base_url', '')}".strip()


def recall(key: str) -> ActionFormat | None:
    """The format remembered for ``key`` (a model's name and server), if any."""
    found = _load().get(redact(key))
    return found if found in _FORMATS else None


def remember(key: str, action_format: ActionFormat) -> None:
    """Keep the format. A folder that cannot be written costs a probe next time, nothing more."""
    # What an earlier version wrote is redacted with the rest.
    known = {redact(old): value for old, value in _load().items()}
    text = json.dumps({**known, redact(key): action_format}, indent=1, sort_keys=True)
    with contextlib.suppress(OSError):
        write_whole(_memory(), text)
