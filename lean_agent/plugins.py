"""Tools and planners that installed packages offer through entry points.

``lean_agent.tools`` names a Tool; so does ``lean_agent.optional_tools``, of those that are offered
only where the user asks for them by the entry point's name, which is the tool's own.
``lean_agent.corpus_tools`` names a function that takes a folder
and returns a Tool over it; ``lean_agent.planners`` names a Planner. A plugin that does not load
costs one line, never the run.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.planner import Planner
from lean_agent.tool_spec import Tool

__all__ = ["load_corpus_tools", "load_optional_tools", "load_planners", "load_tools"]

Report = Callable[[str], None]
_Kind = TypeVar("_Kind")
_OPTIONAL = "lean_agent.optional_tools"

_LOG = logging.getLogger("lean_agent.plugins")
_LOG.addHandler(logging.NullHandler())


def load_tools(report: Report = _LOG.warning) -> dict[str, Tool]:
    """Every installed tool by the name the model knows it by.

    The order is that of the entry points' names, so that prompts stay the same from run to run.
    Of two tools with one name the first is kept. ``report`` gets a line for each one skipped.
    """
    found = _load("lean_agent.tools", Tool, lambda tool: tool, report)
    return {tool.spec.name: tool for tool in _distinct(found, report)}


def load_optional_tools(
    names: Collection[str] | None = None, report: Report = _LOG.warning
) -> dict[str, Tool]:
    """Those of the names, all where None, in the order of the entry points' names.

    Raises:
        ConfigurationError: there is no such tool.
    """
    if names is not None:
        known = sorted(entry.name for entry in entry_points(group=_OPTIONAL))
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1) or known
                raise ConfigurationError(
                    f"there is no tool {name!r} to be had here",
                    hint=f"choose {', '.join(near)}; `lean-agent tools list` shows all",
                )
    found = _load(_OPTIONAL, Tool, lambda tool: tool, report, only=names)
    return {tool.spec.name: tool for tool in _distinct(found, report)}


def load_corpus_tools(folder: Path, report: Report = _LOG.warning) -> list[Tool]:
    """Every installed kind of tool over a folder of documents, made for this folder.

    Raises:
        LeanAgentError: the folder cannot serve, as the tool's own package says.
    """
    made = _load("lean_agent.corpus_tools", Tool, lambda factory: factory(folder), report)
    return list(_distinct(made, report))


def load_planners(report: Report = _LOG.warning) -> tuple[Planner, ...]:
    """Every installed planner, in the order of the entry points' names."""
    found = _load("lean_agent.planners", Planner, lambda planner: planner, report)
    return tuple(planner for _, planner in found)


def _load(
    group: str,
    kind: type[_Kind],
    make: Callable[[Any], Any],
    report: Report,
    *,
    only: Collection[str] | None = None,
) -> Iterator[tuple[str, _Kind]]:
    """(where it comes from, what it gives) of each entry point that gives this ``kind``."""
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        if only is not None and entry.name not in only:
            continue
        origin = f"{entry.name} ({entry.value})"
        try:
            made = make(entry.load())
            if not isinstance(made, kind):
                raise TypeError(f"a {type(made).__name__} is no {kind.__name__.lower()}")
        except LeanAgentError:
            raise
        # A plugin is a stranger's code: an import may even try to end the process.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            reason = " ".join(str(error).split()) or "no reason given"
            report(
                f"note: {kind.__name__.lower()} {origin} skipped: {type(error).__name__}: {reason}"
            )
            continue
        yield origin, made


def _distinct(found: Iterator[tuple[str, Tool]], report: Report) -> Iterator[Tool]:
    seen: dict[str, str] = {}
    for origin, tool in found:
        name = tool.spec.name
        if name in seen:
            report(f"note: tool {origin} skipped: {seen[name]} is called {name} too")
            continue
        seen[name] = origin
        yield tool
