"""The planners that solve without a model call, each with where it comes from."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.resources import files
from pkgutil import iter_modules
from typing import Literal

import lean_agent_planners.domains
from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import Domain

__all__ = ["StoredPlanner", "domain_names", "load_domain", "stored_planner"]

Provenance = Literal["hand-written reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlanner:
    """A planner's text. ``fingerprint`` is that of the domain it was checked against."""

    domain: str
    fingerprint: str
    code: str
    provenance: Provenance


def domain_names() -> list[str]:
    """The shipped domains."""
    return sorted(module.name for module in iter_modules(lean_agent_planners.domains.__path__))


def load_domain(name: str) -> Domain:
    """The shipped domain of this name.

    Raises:
        ConfigurationError: there is none.
    """
    names = domain_names()
    if name not in names:
        raise ConfigurationError(
            f"there is no domain {name!r}", hint=f"the domains are {', '.join(names)}"
        )
    return importlib.import_module(f"lean_agent_planners.domains.{name}.domain").domain


def stored_planner(domain: Domain) -> StoredPlanner:
    """The planner that is shipped for a domain."""
    folder = files(f"lean_agent_planners.domains.{domain.name}")
    return StoredPlanner(
        domain=domain.name,
        fingerprint=domain.fingerprint,
        code=(folder / "planner.py").read_text(encoding="utf-8"),
        provenance="hand-written reference",
    )
