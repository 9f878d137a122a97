"""Tools and planners that installed packages offer through entry points.

``lean_agent.tools`` names a Tool; ``lean_agent.corpus_tools`` names a function that takes a folder
and returns a Tool over it; ``lean_agent.planners`` names a Planner. A plugin that does not load
costs one line, never the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from lean_agent.errors import LeanAgentError
from lean_agent.planner import Planner
from lean_agent.tool_spec import Tool

__all__ = ["load_corpus_tools", "load_planners", "load_tools"]

Report = Callable[[str], None]
_Kind = TypeVar("_Kind")

_LOG = logging.getLogger("lean_agent.plugins")
_LOG.addHandler(logging.NullHandler())


def load_tools(report: Report = _LOG.warning) -> dict[str, Tool]:
    """Every installed tool by the name the model knows it by.

    The order is that of the entry points' names, so that prompts stay the same from run to run.
    Of two tools with one name the first is kept. ``report`` gets a line for each one skipped.
    """
    found = _load("lean_agent.tools", Tool, lambda tool: tool, report)
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
    group: str, kind: type[_Kind], make: Callable[[Any], Any], report: Report
) -> Iterator[tuple[str, _Kind]]:
    """(where it comes from, what it gives) of each entry point that gives this ``kind``."""
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
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
