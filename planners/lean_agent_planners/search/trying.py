"""A planner's functions called on single states, in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from lean_agent.sandbox import run_python
from lean_agent_planners.search.solve import algorithms

__all__ = ["tried"]

_SECONDS = 1.0


class _Tried(BaseModel):
    value: Any = None
    problem: str = ""


_RESULTS = TypeAdapter(list[_Tried])


async def tried(code: str, cases: Sequence[tuple[str, Any, Any]]) -> Sequence[dict[str, Any]]:
    """``value`` or ``problem`` of each case (function, state, static or None), up to the first
    that has a problem. All together may take a second.

    Raises:
        ConfigurationError: a case is no JSON, or the sandbox cannot start.
    """
    given = [
        {"function": function, "state": state, "static": [] if static is None else [static]}
        for function, state, static in cases
    ]
    ran = await run_python(
        f"{algorithms()}\ntried(_code, _cases)",
        seconds=_SECONDS,
        inputs={"_code": code, "_cases": given},
        max_output_chars=1_000,
    )
    if ran.error is not None:
        return [{"problem": ran.error}]
    try:
        found = _RESULTS.validate_python(ran.value)
    except ValidationError:
        return [{"problem": "its states are no JSON, or too large"}]
    return [{"problem": one.problem} if one.problem else {"value": one.value} for one in found]
