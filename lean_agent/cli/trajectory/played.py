"""The events of a run that is played again, as lines and as plain JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from lean_agent.cli.text import clip, money
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    StepStarted,
    Token,
    ToolFinished,
    ToolStarted,
)

__all__ = ["plain", "told"]

_WIDTH = 120


def plain(event: Event) -> dict[str, Any]:
    """Its fields under its name."""
    told = {field.name: getattr(event, field.name) for field in fields(event)}
    if isinstance(event, CostUpdated):
        told["usage"] = event.usage.to_dict()
    return {"event": type(event).__name__, **told}


def told(event: Event) -> str:
    """A line; "" for what is not shown."""
    match event:
        case ModeChosen(mode):
            return f"{mode} mode"
        case StepStarted(step):
            return f"step {step}"
        case Token(text, "reasoning"):
            return f"  thinks: {clip(text, _WIDTH)}"
        case ToolStarted(_, name, arguments):
            given = json.dumps(arguments, ensure_ascii=False, default=dict)
            return f"  {clip(f'{name} {given}', _WIDTH)}"
        case ToolFinished(_, _, output, is_error, _, seconds):
            outcome = "failed" if is_error else "ok"
            took = f", {seconds:.2f} s" if seconds else ""
            return f"    {outcome}{took}: {clip(output, _WIDTH)}"
        case CostUpdated(usage):
            about = "~" if "estimated" in usage.provenance else ""
            return (
                f"  so far {about}{usage.input_tokens:,} input + {usage.output_tokens:,} output"
                f" tokens, {money(usage)}"
            )
        case _:
            return ""
