"""``lean-agent trajectory show``: one trajectory, for people to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json
from lean_agent.cli.text import clean, clip, one_line
from lean_agent.cli.trajectory.options import Place, find

if TYPE_CHECKING:
    from lean_agent.trajectory.record import Step, Trajectory

__all__ = ["show"]

_WIDTH = 500
_HEADINGS = {
    "after_answer": "after the first correct answer",
    "repeated_call": "the same call gave the same before",
    "dead_end": "a dead end",
    "unused_context": "not taken up again",
}


def show(
    place: Place,
    full: Annotated[
        bool, typer.Option("--full", help="Whole texts; else the first 500 characters of each.")
    ] = False,
    json_: opt.Json = False,
) -> None:
    """Show one trajectory step by step, with what was wasted in it."""
    found = find(place)
    if json_:
        print_json(found.model_dump(mode="json"))
    else:
        emit("".join(f"{line}\n" for line in _lines(found, full=full)))


def _lines(found: Trajectory, *, full: bool) -> list[str]:
    from lean_agent.trajectory.correctness import first_correct
    from lean_agent.trajectory.waste import find_waste

    def told(text: str) -> str:
        return clean(text) if full else clip(text, _WIDTH)

    wasted = {waste.step: waste for waste in find_waste(found, first_correct(found))}
    verdict = {True: "passed", False: "failed", None: "not judged"}[found.passed]
    reward = "" if found.reward is None else f", reward {found.reward:g}"
    tokens = "unknown" if found.usage.tokens is None else f"{found.usage.tokens:,}"
    about = "~" if found.usage.estimated else ""
    lines = [
        one_line(found.id),
        f"Question: {told(found.question)}",
        *(f"Accepted: {told(answer)}" for answer in found.answers),
        f"{verdict}{reward}; {found.turns} turns, {found.actions} actions, {about}{tokens} tokens",
    ]
    for index, step in enumerate(found.steps):
        lines += ["", f"[{step.turn + 1}]{_usage(step)}"]
        if step.thought:
            lines.append(f"  thinks: {told(step.thought)}")
        if step.action:
            arguments = json.dumps(step.arguments, ensure_ascii=False)
            lines.append(f"  {one_line(step.action)} {told(arguments)}")
        if step.observation:
            lines.append(f"    {'error: ' if step.is_error else ''}{told(step.observation)}")
        if index in wasted:
            waste = wasted[index]
            took = "" if waste.tokens is None else f", {waste.tokens:,} tokens"
            cost = "" if waste.cost is None else f", ${waste.cost:f}"
            lines.append(f"  wasted: {_HEADINGS[waste.kind]}{took}{cost}")
    if found.output:
        lines += ["", f"Answer: {told(found.output)}"]
    return lines


def _usage(step: Step) -> str:
    parts = [
        "" if step.usage.tokens is None else f"{step.usage.tokens:,} tokens",
        "" if step.usage.seconds is None else f"{step.usage.seconds:.1f} s",
    ]
    told = ", ".join(part for part in parts if part)
    return f" {told}" if told else ""
