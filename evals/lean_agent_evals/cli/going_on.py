"""The configuration of a run that goes on: its own, but for what is asked for anew."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from lean_agent import Budget
    from lean_agent_evals.config import RunConfig

__all__ = ["going_on", "written"]

_FIELDS = {"mode": "arms"}
_SAMPLE_LIMITS = ("usd", "tokens", "steps", "tool_calls", "seconds")
_RUN_LIMITS = {"budget_usd": "usd", "budget_tokens": "tokens"}


def going_on(asked: RunConfig, before: RunConfig, given: set[str]) -> RunConfig:
    """The configuration that was begun, with the options that were given anew."""
    names = {item.name for item in fields(asked)}
    changed: dict[str, Any] = {
        field: getattr(asked, field)
        for field in (_FIELDS.get(name, name) for name in given)
        if field in names
    }
    changed["sample_budget"] = _with_limits(
        before.sample_budget, asked.sample_budget, {n: n for n in _SAMPLE_LIMITS if n in given}
    )
    changed["budget"] = _with_limits(
        before.budget, asked.budget, {n: limit for n, limit in _RUN_LIMITS.items() if n in given}
    )
    return replace(before, **changed)


def _with_limits(before: Budget, asked: Budget, names: dict[str, str]) -> Budget:
    from lean_agent import Budget

    limits = {limit: getattr(before, limit) for limit in _SAMPLE_LIMITS}
    return Budget(**limits | {limit: getattr(asked, limit) for limit in names.values()})


def written(context: typer.Context) -> set[str]:
    """The options that were written on the command line."""
    from_line = "COMMANDLINE"
    sources = ((name, context.get_parameter_source(name)) for name in context.params)
    return {name for name, source in sources if source is not None and source.name == from_line}
