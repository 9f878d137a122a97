"""The trajectories that the page holds, as JSON that it reads when one is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast
from xml.etree import ElementTree as ET

from lean_agent_evals.journal import SampleKey
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.report.markup import element
from lean_agent_evals.report.measures import cost_of
from lean_agent_evals.report.numbers import in_unit, number, show
from lean_agent_evals.report.reading import sample_key
from lean_agent_evals.report.text import as_json, fit, shortened
from lean_agent_evals.results import key_of
from lean_agent_evals.table import CostUnit

__all__ = ["embedded", "samples"]

_MAX_TEXT: Final = 20_000
"""Characters of one message: a page of 1,000 samples must open on a phone."""

_IN_A_SCRIPT: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
"""What could end a script element or a line of it."""

Trajectory = Mapping[str, Any]


def samples(
    outcomes: Sequence[Outcome], trajectories: Sequence[Trajectory], unit: CostUnit
) -> dict[SampleKey, dict[str, Any]]:
    """What is shown of each sample that has both an outcome and a trajectory."""
    by_key = {sample_key(trajectory): trajectory for trajectory in trajectories}
    return {
        key: _sample(outcome, by_key[key], unit)
        for outcome in outcomes
        if (key := key_of(outcome)) in by_key
    }


def embedded(number: int, sample: Mapping[str, Any]) -> ET.Element:
    """A sample as a block of data that no browser runs."""
    data = as_json(sample).translate(_IN_A_SCRIPT)
    return element("script", data, type="application/json", id=f"sample-{number}")


def _sample(outcome: Outcome, trajectory: Trajectory, unit: CostUnit) -> dict[str, Any]:
    arm = fit(outcome.arm)
    label = f"{arm}, epoch {outcome.epoch + 1}" if outcome.epoch else arm
    return {
        "task": fit(outcome.task_id),
        "label": label,
        "question": fit(trajectory.get("question") or ""),
        "answers": [fit(answer) for answer in _list(trajectory.get("answers"))],
        "output": _text(trajectory.get("output")),
        "facts": [("Arm", label), *_facts(outcome, unit)],
        "remarks": [
            _text(trajectory[name]) for name in ("detail", "error") if trajectory.get(name)
        ],
        "turns": list(_turns(trajectory)),
    }


def _facts(outcome: Outcome, unit: CostUnit) -> list[tuple[str, str]]:
    usage = outcome.usage
    status = outcome.exit_status
    return [
        ("Ending", outcome.ending + (f" ({status})" if status != "completed" else "")),
        ("Score", number(outcome.value)),
        (f"Cost, {in_unit(unit)}", show(cost_of(outcome, unit), "cost", unit)),
        ("Uncached", f"{usage.input_tokens - usage.cache_read_input_tokens:,}"),
        ("Cached", f"{usage.cache_read_input_tokens:,}"),
        ("Written", f"{usage.output_tokens:,}"),
        ("Steps", f"{outcome.steps:,}"),
        ("Tool calls", f"{outcome.tool_calls:,}"),
        ("Time", show(outcome.seconds, "seconds", unit)),
    ]


def _turns(trajectory: Trajectory) -> Iterator[dict[str, Any]]:
    messages = _dicts(trajectory.get("messages"))
    steps = _dicts(trajectory.get("trajectory"))
    observed = [message for message in messages if message.get("role") == "tool"]
    unknown: list[dict[str, Any]] = [{}] * len(observed)
    known = iter(steps if len(steps) == len(observed) else unknown)
    for message in messages:
        turn: dict[str, Any] = {"role": fit(message.get("role") or "")}
        turn["text"] = _text(message.get("content"))
        calls = [_call(call) for call in _dicts(message.get("tool_calls"))]
        if calls:
            turn["calls"] = calls
        if turn["role"] == "tool":
            turn |= _about(next(known))
        yield turn
    if not observed:
        for step in steps:
            call = _shown_call(step.get("tool"), step.get("arguments"))
            yield {"role": "assistant", "text": "", "calls": [call]}
            yield {"role": "tool", "text": _text(step.get("observation"))} | _about(step)


def _about(step: Trajectory) -> dict[str, Any]:
    """What a step knows of its observation beyond the text."""
    about: list[str] = []
    if step.get("is_error"):
        about.append("error")
    if step.get("served"):
        about.append("served again for free")
    seconds = step.get("seconds")
    if isinstance(seconds, int | float) and seconds:
        about.append(show(seconds, "seconds", "usd"))
    tool = fit(step.get("tool") or "")
    return {"tool": tool, "about": ", ".join(about), "error": bool(step.get("is_error"))}


def _call(call: Trajectory) -> list[str]:
    function = call.get("function")
    if not isinstance(function, dict):
        return _shown_call(None, call)
    found = cast("dict[str, Any]", function)
    return _shown_call(found.get("name"), found.get("arguments"))


def _shown_call(name: object, arguments: object) -> list[str]:
    return [fit(name or "?"), _text(arguments)]


def _text(value: object) -> str:
    return "" if value is None else shortened(fit(value), _MAX_TEXT)


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", item) for item in _list(value) if isinstance(item, dict)]
