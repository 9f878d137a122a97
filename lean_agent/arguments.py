"""What a caller hands to an Agent, checked before anything is spent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast, get_args

from lean_agent._semconv import Mode
from lean_agent.errors import ConfigurationError
from lean_agent.function_tool import tool as as_tool
from lean_agent.model import Model
from lean_agent.models.registry import resolve_model
from lean_agent.result import OutputT
from lean_agent.tool_spec import Tool

if TYPE_CHECKING:
    from lean_agent.output_form import OutputForm

__all__ = [
    "checked_patterns",
    "checked_task",
    "chosen_models",
    "known_mode",
    "output_form",
    "tools_by_name",
]

_MAX_TASK_CHARS = 1_000_000


def tools_by_name(tools: Sequence[Tool | Callable[..., Any]]) -> dict[str, Tool]:
    """The tools, functions made into tools, in the order given.

    Raises:
        ConfigurationError: two of one name, or one that cannot be described.
    """
    found: dict[str, Tool] = {}
    for given in tools:
        made = given if isinstance(given, Tool) else cast("Tool", as_tool(given))
        if made.spec.name in found or made.spec.name == "answer":
            raise ConfigurationError(
                f"two tools are called {made.spec.name!r}"
                if made.spec.name in found
                else "a tool may not be called 'answer': the agent loop uses that word",
                hint="rename one with @tool(name=...)",
            )
        found[made.spec.name] = made
    return found


def checked_patterns(allow: Sequence[str], tools: Collection[str]) -> list[str]:
    """``allow``, or ConfigurationError if a pattern names no tool: it would do nothing."""
    patterns = [allow] if isinstance(allow, str) else list(allow)
    for pattern in patterns:
        name = pattern.partition(":")[0]
        if name != "*" and not any(fnmatchcase(tool, name) for tool in tools):
            near = difflib.get_close_matches(name, tools, n=1) or sorted(tools)
            raise ConfigurationError(
                f"allow={pattern!r} names no tool of this agent",
                hint=f"its tools: {', '.join(near)}" if near else "it has no tools",
            )
    return patterns


def known_mode(mode: Mode) -> Mode:
    """``mode``, or ConfigurationError if there is none of that name."""
    if mode not in get_args(Mode):
        raise ConfigurationError(
            f"there is no mode {mode!r}", hint="choose auto, instant, reason, agent or plan"
        )
    return mode


def checked_task(task: str) -> str:
    """``task``, or ConfigurationError if it is empty or too long to be a question."""
    if not task.strip():
        raise ConfigurationError("the question is empty", hint="say what is to be done")
    if len(task) > _MAX_TASK_CHARS:
        raise ConfigurationError(
            f"the question has {len(task):,} characters, more than {_MAX_TASK_CHARS:,}",
            hint="put long text into a file and offer read_file or search",
        )
    return task


def chosen_models(
    given: str | Model | Sequence[str | Model], base_url: str | None
) -> tuple[Model, ...]:
    """The models, in the order given; ``base_url`` is that of a single one.

    Raises:
        ConfigurationError: an unknown name, or an address for several.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        return (resolve_model(given, base_url=base_url),)
    if base_url is not None:
        raise ConfigurationError(
            "several models have no common base_url",
            hint="put OpenAICompatibleModel(NAME, base_url=...) into the list",
        )
    return tuple(resolve_model(one) for one in given)


def output_form(output_type: type[OutputT] | None) -> OutputForm[OutputT] | None:
    """The form of answers of that type; None for text.

    Raises:
        ConfigurationError: no JSON object can be of the type.
    """
    if output_type is None:
        return None
    from lean_agent.output_form import OutputForm

    return OutputForm(output_type)
