"""Domains of the user's own, each one file of Python; see ``examples/planning/water_jugs.py``.

The file is the user's program and is run as such: trusted, not in the sandbox. It sets ``domain``,
and may define the planner's functions, which are taken out of it as text and run in the sandbox
like every planner: each must stand on its own, its imports and helpers inside it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from lean_agent._paths import domains_dir
from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent_planners.domain import Domain, InvalidPlanError, Plan, Problem

__all__ = ["is_file", "load_file", "own_files", "planner_in"]

_FUNCTIONS = ("successors", "is_goal", "heuristic", "key")
_NEEDED = frozenset(_FUNCTIONS[:2])


def is_file(name: str) -> bool:
    """Whether a domain is named by a file."""
    return name.endswith(".py") or "/" in name


def own_files() -> dict[str, Path]:
    """The files in the user's folder of domains, by the domain's name, which is the file's."""
    try:
        files = sorted(domains_dir().glob("*.py"))
    except OSError:
        return {}
    return {file.stem: file for file in files if file.stem.isidentifier()}


def load_file(path: Path) -> Domain:
    """Run a domain's file.

    Raises:
        ConfigurationError: it cannot be read, fails, or sets no domain of the file's name.
    """
    hint = "see examples/planning/water_jugs.py"
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {_line(error)}", hint=hint) from error
    # Under a name of its own: what is imported by that name must stay what it was.
    name = f"_lean_agent_domain_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None:
        raise ConfigurationError(f"{path} is no Python file", hint="its name must end with .py")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the user's program
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{path} fails: {_line(error)}", hint=hint) from error
    domain = getattr(module, "domain", None)
    if not isinstance(domain, Domain):
        raise ConfigurationError(f"{path} does not set domain = Domain(...)", hint=hint)
    if domain.name != path.stem:
        raise ConfigurationError(
            f"{path} holds the domain {domain.name!r}",
            hint=f"call the domain {path.stem!r}, or the file {domain.name}.py",
        )
    return replace(
        domain,
        encode=_encoding(domain.encode),
        validate=_validating(domain.validate),
        file=path,
    )


def planner_in(path: Path) -> str | None:
    """The text of the planner's functions in a domain's file; None where it has no planner."""
    source = path.read_text(encoding="utf-8")
    found = {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name in _FUNCTIONS
    }
    if not found.keys() >= _NEEDED:
        return None
    # Annotations name what the file imports; the sandbox need not know it.
    return "\n\n\n".join(["from __future__ import annotations", *found.values()]) + "\n"


def _encoding(encode: Callable[[str], Problem]) -> Callable[[str], Problem]:
    @wraps(encode)
    def guarded(text: str) -> Problem:
        try:
            problem: Any = encode(text)
        except LeanAgentError:
            raise
        except Exception as error:
            raise ConfigurationError(f"encode cannot read the instance: {_line(error)}") from error
        if not isinstance(problem, Problem):
            raise ConfigurationError(f"encode gives a {type(problem).__name__}, not a Problem")
        return problem

    return guarded


def _validating(validate: Callable[[str, Plan], str]) -> Callable[[str, Plan], str]:
    @wraps(validate)
    def guarded(text: str, plan: Plan) -> str:
        try:
            answer: Any = validate(text, plan)
        except LeanAgentError:
            raise
        except Exception as error:
            raise InvalidPlanError(f"the validator fails: {_line(error)}") from error
        if not isinstance(answer, str):
            raise InvalidPlanError(f"the validator gives a {type(answer).__name__}, not a text")
        return answer

    return guarded


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
