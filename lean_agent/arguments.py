"""What a caller hands to an Agent, checked before anything is spent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from lean_agent._redact import redact
from lean_agent._semconv import Mode
from lean_agent._text import writable
from lean_agent.errors import ConfigurationError
from lean_agent.function_tool import tool as as_tool
from lean_agent.hooks import Hooks
from lean_agent.ledger.budget import Budget
from lean_agent.messages import Image, Message, Task
from lean_agent.model import Model
from lean_agent.models.registry import resolve_model
from lean_agent.result import OutputT
from lean_agent.tool_spec import Tool

if TYPE_CHECKING:
    from lean_agent.output_form import OutputForm

__all__ = [
    "checked_budget",
    "checked_checkpoints",
    "checked_deps",
    "checked_history",
    "checked_hooks",
    "checked_patterns",
    "checked_roots",
    "checked_task",
    "chosen_models",
    "known_mode",
    "output_form",
    "task_parts",
    "tools_by_name",
]

_MAX_TASK_CHARS = 1_000_000


def tools_by_name(
    tools: Tool | Callable[..., Any] | Sequence[Tool | Callable[..., Any]],
) -> dict[str, Tool]:
    """The tools, functions made into tools, in the order given. One is as good as a list of one.

    Raises:
        ConfigurationError: two of one name, or one that cannot be described.
    """
    found: dict[str, Tool] = {}
    for given in [tools] if isinstance(tools, Tool) or callable(tools) else tools:
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


def checked_deps(deps: object, tools: Iterable[Tool]) -> None:
    """Raises ConfigurationError where a tool's function asks for ``deps`` of another type."""
    for tool in tools:
        wanted = getattr(tool, "deps_type", None)
        if wanted is None or _fits(deps, wanted):
            continue
        given = "none were given" if deps is None else f"it was given {type(deps).__name__}"
        raise ConfigurationError(
            f"the tool {tool.spec.name} needs deps of type {_named(wanted)}; {given}",
            hint="pass them to the run: agent.run(task, deps=...)",
        )


def _fits(deps: object, wanted: Any) -> bool:
    """False only where that can be told: of a protocol or a list's items only checkers know."""
    try:
        return isinstance(deps, wanted)
    except TypeError:
        return True


def _named(wanted: Any) -> str:
    return wanted.__name__ if isinstance(wanted, type) else str(wanted)


def checked_budget(budget: Budget | None) -> Budget | None:
    """``budget``, or ConfigurationError if it is something else, such as a bare number."""
    given: Any = budget
    if given is None or isinstance(given, Budget):
        return given
    raise ConfigurationError(
        f"budget is no Budget but of type {type(given).__name__}",
        hint="say of what: Budget(usd=0.10), Budget(tokens=5_000), Budget(steps=8)",
    )


def checked_hooks(hooks: Hooks | Sequence[Hooks]) -> tuple[Hooks, ...]:
    """One is as good as a list of one.

    Raises:
        ConfigurationError: something else is among them.
    """
    given: list[Any] = [hooks] if isinstance(hooks, Hooks) else list(hooks)
    for one in given:
        if not isinstance(one, Hooks):
            raise ConfigurationError(
                f"hooks holds {one!r}, which is no Hooks", hint="make an object of a class of Hooks"
            )
    return tuple(given)


def checked_checkpoints(given: Path | str | None) -> Path | str | None:
    """A file, or the URL of a Postgres database.

    Raises:
        ConfigurationError: the URL of something else.
    """
    if given is None or isinstance(given, Path):
        return given
    scheme, separator, _ = given.partition("://")
    if separator and scheme not in {"postgres", "postgresql"}:
        raise ConfigurationError(
            f"checkpoints cannot be kept at {redact(given)}",
            hint="give a file, or the URL of a database: postgresql://USER@HOST/DATABASE",
        )
    return given if separator else Path(given)


def checked_history(history: Sequence[Message]) -> list[Message]:
    """The messages, or ConfigurationError if something else is among them."""
    given: list[Any] = list(history)
    for one in given:
        if not isinstance(one, Message):
            raise ConfigurationError(
                f"history holds a {type(one).__name__}, which is no Message",
                hint="give an earlier result's messages, or Message.from_dict of each dictionary",
            )
    return given


def checked_roots(roots: Path | str | Sequence[Path | str]) -> tuple[Path, ...]:
    """One folder or file is as good as a list of one: text would be read letter by letter."""
    return tuple(map(Path, [roots] if isinstance(roots, str | Path) else roots))


def known_mode(mode: Mode) -> Mode:
    """``mode``, or ConfigurationError if there is none of that name."""
    if mode not in get_args(Mode):
        raise ConfigurationError(
            f"there is no mode {mode!r}", hint="choose auto, instant, reason, agent or plan"
        )
    return mode


def task_parts(task: Task) -> tuple[str, tuple[Image, ...]]:
    """The checked text of a task, and its pictures.

    Raises:
        ConfigurationError: it is empty, too long, or something else.
    """
    given: Any = task
    single = isinstance(given, str) or not isinstance(given, Sequence)
    parts: list[Any] = [task] if single else list(task)
    if strange := [part for part in parts if not isinstance(part, str | Image)]:
        raise ConfigurationError(
            f"a question is text, or a list of text and images, not {type(strange[0]).__name__}",
            hint="a picture is Image.read(PATH); what a file says is str",
        )
    text = "\n\n".join(part for part in parts if isinstance(part, str))
    return checked_task(text), tuple(part for part in parts if isinstance(part, Image))


def checked_task(task: str) -> str:
    """``task``, or ConfigurationError if it is empty or too long to be a question."""
    if not task.strip():
        raise ConfigurationError("the question is empty", hint="say what is to be done")
    if len(task) > _MAX_TASK_CHARS:
        raise ConfigurationError(
            f"the question has {len(task):,} characters, more than {_MAX_TASK_CHARS:,}",
            hint="put long text into a file and offer read_file or search",
        )
    return writable(task)


def chosen_models(
    given: str | Model | Sequence[str | Model],
    base_url: str | None,
    cascade: Sequence[str | Model] = (),
) -> tuple[Model, ...]:
    """The models, in the order given, those of the cascade last; ``base_url`` is that of a single
    one.

    Raises:
        ConfigurationError: an unknown name, an address for several, a list and a cascade, or two
            of one name in a cascade.
    """
    if cascade:
        if not isinstance(given, str) and isinstance(given, Sequence):
            raise ConfigurationError(
                "a list of models and a cascade are given",
                hint="models of a cascade stand in for one that fails, too: give the first alone",
            )
        found = chosen_models([given, *cascade], base_url)
        if len({one.name for one in found}) < len(found):
            raise ConfigurationError("two models of the cascade have one name")
        return found
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
