"""``lean-agent trajectory replay``: a recorded run once more, as it went, without a model."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import clean, clip, money, one_line
from lean_agent.cli.trajectory.options import Place, find
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    StepStarted,
    Token,
    ToolFinished,
    ToolStarted,
)

__all__ = ["replay"]

_WIDTH = 120


def replay(place: Place, json_: opt.Json = False) -> None:
    """Play a recorded run again: its events in order, with what was spent by then.

    No model and no tool is called. The answer goes to standard output, as it did.
    """
    from lean_agent.trajectory.replaying import replayed

    found = find(place)
    if json_:
        print_json([_plain(event) for event in replayed(found)])
        return
    say(one_line(f"question: {found.question}"))
    for event in replayed(found):
        if line := _told(event):
            say(line)
    if answer := clean(found.output).strip():
        emit(f"{answer}\n")
    if found.ending:
        say(one_line(f"ended: {found.ending}"))


def _plain(event: Event) -> dict[str, Any]:
    told = {field.name: getattr(event, field.name) for field in fields(event)}
    if isinstance(event, CostUpdated):
        told["usage"] = event.usage.to_dict()
    return {"event": type(event).__name__, **told}


def _told(event: Event) -> str:
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
