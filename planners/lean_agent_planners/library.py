"""The planners that solve without a model call, each with where it comes from.

References are hand-written and are what solves unless a learned one is asked for. Learned ones were
written by a model and passed their domain's tests: some are shipped (``learned.json`` beside the
reference), those that the user had written are kept in the user's data folder. Each is for one
contract of the domain (``fingerprint``).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from pkgutil import iter_modules

from pydantic import BaseModel, ConfigDict, ValidationError

import lean_agent_planners.domains
from lean_agent._paths import planners_dir
from lean_agent.errors import ConfigurationError, PlannerError
from lean_agent_planners.domain import Domain
from lean_agent_planners.own_domains import is_file, load_file, own_files, planner_in

__all__ = [
    "Making",
    "StoredPlanner",
    "domain_names",
    "keep",
    "learned_planner",
    "load_domain",
    "shipped_learned",
    "stored_planner",
]


class Making(BaseModel):
    """What a learned planner took to make; ``cost`` in US dollars, None where it is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    seed: int
    calls: int
    tokens: int
    cost: str | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlanner:
    """A planner's text. ``fingerprint`` is that of the domain it was checked against; ``making`` is
    None of a hand-written one.
    """

    domain: str
    fingerprint: str
    code: str
    making: Making | None = None

    @property
    def provenance(self) -> str:
        if self.making is None:
            return "hand-written reference"
        made = self.making
        cost = "unknown cost" if made.cost is None else f"${made.cost}"
        return f"learned by {made.model}: {made.calls} calls, {made.tokens:,} tokens, {cost}"


class _Kept(BaseModel):
    code: str
    making: Making


class _Shipped(_Kept):
    fingerprint: str


def domain_names() -> list[str]:
    """The shipped domains."""
    return sorted(module.name for module in iter_modules(lean_agent_planners.domains.__path__))


def load_domain(name: str) -> Domain:
    """The domain of this name: a shipped one, the user's own of that name, or a file's.

    Raises:
        ConfigurationError: there is none, or its file is none.
    """
    if is_file(name):
        return load_file(Path(name))
    names = domain_names()
    if name not in names:
        own = own_files()
        if name in own:
            return load_file(own[name])
        raise ConfigurationError(
            f"there is no domain {name!r}",
            hint=f"the domains are {', '.join([*names, *own])}; or name a file",
        )
    return importlib.import_module(f"lean_agent_planners.domains.{name}.domain").domain


def stored_planner(domain: Domain) -> StoredPlanner:
    """The hand-written planner of a domain; of a user's own that has none, what was learned.

    Raises:
        ConfigurationError: there is neither.
    """
    if domain.file is None:
        folder = files(f"lean_agent_planners.domains.{domain.name}")
        code = (folder / "planner.py").read_text(encoding="utf-8")
    else:
        code = planner_in(domain.file)
        if code is None:
            try:
                return learned_planner(domain)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{domain.file} defines no functions successors and is_goal",
                    hint=f"write them, or have a model do so: lean-agent plan learn {domain.file}",
                ) from error
    return StoredPlanner(domain=domain.name, fingerprint=domain.fingerprint, code=code)


def learned_planner(domain: Domain) -> StoredPlanner:
    """The planner that was learned last for this contract of the domain: the user's own, or else
    the shipped one.

    Raises:
        ConfigurationError: there is none, or its file is damaged.
    """
    path = _path(domain)
    hint = f"run: lean-agent plan learn {domain.name}"
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        shipped = shipped_learned(domain)
        if shipped is None:
            raise ConfigurationError(
                f"no planner was learned for {domain.name}", hint=hint
            ) from None
        return shipped
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{path} cannot be read", hint=hint) from error
    return StoredPlanner(
        domain=domain.name, fingerprint=domain.fingerprint, code=kept.code, making=kept.making
    )


def shipped_learned(domain: Domain) -> StoredPlanner | None:
    """The learned planner that is shipped for this contract of the domain, or None."""
    if domain.file is not None:
        return None
    file = files(f"lean_agent_planners.domains.{domain.name}") / "learned.json"
    if not file.is_file():
        return None
    kept = _Shipped.model_validate_json(file.read_bytes())
    if kept.fingerprint != domain.fingerprint:
        return None
    return StoredPlanner(
        domain=domain.name, fingerprint=kept.fingerprint, code=kept.code, making=kept.making
    )


def keep(domain: Domain, code: str, making: Making) -> StoredPlanner:
    """Keep a planner that has passed its domain's tests, in place of one that was learned before.

    Raises:
        PlannerError: it cannot be written.
    """
    path = _path(domain)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(_Kept(code=code, making=making).model_dump_json(indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise PlannerError(f"{path} cannot be written: {error.strerror}") from error
    return StoredPlanner(
        domain=domain.name, fingerprint=domain.fingerprint, code=code, making=making
    )


def _path(domain: Domain) -> Path:
    return planners_dir() / f"{domain.name}-{domain.fingerprint}.json"
