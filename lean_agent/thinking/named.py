"""Strategies by name: those that are built in, and those of installed packages."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import cast

from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.reasoning import Reasoning
from lean_agent.thinking.early_stop import EarlyStopping
from lean_agent.thinking.plain import Plain
from lean_agent.thinking.within import Within

__all__ = ["resolve_reasoning"]

_GROUP = "lean_agent.reasoning"
_NAME = re.compile(r"(?P<strategy>[\w-]+?)(?:@(?P<tokens>[1-9][0-9]*))?(?P<stop>\+early-stop)?")


def resolve_reasoning(named: str | Reasoning) -> Reasoning:
    """The strategy that ``named`` names; a strategy stays what it is.

    ``NAME`` is ``plain``, or an entry point of the group ``lean_agent.reasoning``, which names a
    class or function that takes nothing and gives a Reasoning. ``NAME@450`` may write 450 tokens in
    all; ``NAME+early-stop`` and ``NAME@450+early-stop`` end thoughts that repeat or converge.

    Raises:
        ConfigurationError: there is none of that name, or it does not load.
    """
    if not isinstance(named, str):
        return named
    match = _NAME.fullmatch(named)
    if match is None:
        raise ConfigurationError(
            f"{named!r} names no way to reason",
            hint="write NAME, NAME@TOKENS, NAME+early-stop or NAME@TOKENS+early-stop",
        )
    strategy = Plain() if match["strategy"] == "plain" else _plugged(match["strategy"])
    if match["tokens"]:
        strategy = Within(strategy, int(match["tokens"]))
    return EarlyStopping(strategy) if match["stop"] else strategy


def _plugged(name: str) -> Reasoning:
    points = {point.name: point for point in entry_points(group=_GROUP)}
    if name not in points:
        known = ", ".join(["plain", *sorted(points)])
        raise ConfigurationError(f"no way to reason is called {name!r}", hint=f"known: {known}")
    try:
        made = cast("object", points[name].load()())
    except LeanAgentError:
        raise
    except (Exception, SystemExit) as error:  # an import may even try to end the process
        raise ConfigurationError(
            f"the way to reason {name} ({points[name].value}) does not load: {error}",
            hint="update or remove the package that brings it",
        ) from error
    if not isinstance(made, Reasoning):
        raise ConfigurationError(
            f"the way to reason {name} ({points[name].value}) is a {type(made).__name__}, "
            "no Reasoning"
        )
    return made
