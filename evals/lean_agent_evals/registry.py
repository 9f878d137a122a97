"""Suites by name: those that installed packages offer, and a user's own file."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from lean_agent import ConfigurationError, LeanAgentError
from lean_agent_evals.suite import Suite

__all__ = ["Offer", "full_name", "offers", "open_suite"]

_GROUP = "lean_agent.suites"
_VARIABLE = "suite"


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of suite. ``make`` takes the path of its data, or nothing if it invents them."""

    name: str
    make: Callable[..., Any]

    @property
    def needs_path(self) -> bool:
        return _wants(self.make, required=True)

    @property
    def takes_path(self) -> bool:
        return _wants(self.make, required=False)

    @property
    def usage(self) -> str:
        """How the command line names it."""
        if self.needs_path:
            return f"{self.name}:PATH"
        return f"{self.name}[:PATH]" if self.takes_path else self.name


def offers() -> list[Offer]:
    """Every installed kind of suite, by name.

    Raises:
        ConfigurationError: one of them does not load.
    """
    found: list[Offer] = []
    for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name):
        try:
            found.append(Offer(point.name, point.load()))
        except Exception as error:
            raise ConfigurationError(
                f"the suite {point.name} ({point.value}) does not load: {error}",
                hint="update or remove the package that brings it",
            ) from error
    return found


def open_suite(name: str) -> Suite:
    """The suite of that name.

    ``NAME`` or ``NAME:PATH`` of an installed kind, or a Python file that sets ``suite``.

    Raises:
        ConfigurationError: there is none, or its data cannot be read.
    """
    if name.endswith(".py"):
        return _from_file(Path(name))
    kind, colon, path = name.partition(":")
    known = {offer.name: offer for offer in offers()}
    if kind not in known:
        raise ConfigurationError(
            f"no suite called {kind!r}",
            hint=f"one of {', '.join(offer.usage for offer in known.values())}, or a Python file",
        )
    offer = known[kind]
    if (offer.needs_path and not path) or (colon and not offer.takes_path):
        raise ConfigurationError(f"the suite {kind} is named otherwise", hint=f"{offer.usage}")
    suite = offer.make(Path(path).expanduser().absolute()) if path else offer.make()
    return _checked(suite, kind)


def full_name(suite: str) -> str:
    """The name with its path whole, so that the run can go on from another folder."""
    if suite.endswith(".py"):
        return str(Path(suite).expanduser().absolute())
    kind, colon, path = suite.partition(":")
    return f"{kind}:{Path(path).expanduser().absolute()}" if colon and path else suite


def _from_file(path: Path) -> Suite:
    # Under a name of its own: what is imported by that name must stay what it was.
    name = f"_lean_agent_suite_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except LeanAgentError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{path} fails: {type(error).__name__}: {error}") from error
    return _checked(getattr(module, _VARIABLE, None), str(path))


def _checked(suite: object, where: str) -> Suite:
    if not isinstance(suite, Suite):
        raise ConfigurationError(
            f"{where} gives no suite", hint=f"set {_VARIABLE} to what has the methods of Suite"
        )
    return suite


def _wants(make: Callable[..., Any], *, required: bool) -> bool:
    """Whether the first positional parameter is there, and has no default."""
    for parameter in inspect.signature(make).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            return not required or parameter.default is parameter.empty
    return False
