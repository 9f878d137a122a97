"""What the tool calls of a run have shown so far: results, failures and loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from lean_agent.gating.call_keys import call_key, folded, loose_key
from lean_agent.tool_spec import Tool, ToolSpec

__all__ = ["CallMemory"]

_PERIODS = (1, 2, 3)
_LONG = 200  # characters: two different searches may well find the same nothing


class CallMemory:
    """Follows a run's trajectory (TrajectoryStep.to_dict() each), which only grows.

    The world changes with each call that ran of a tool that has side effects, or is there no more:
    what was known before it is forgotten. So is what its own step has shown, whose calls ran side
    by side.
    """

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools
        self._seen = 0
        self._results: dict[str, str] = {}
        self._failures: dict[str, tuple[str, int]] = {}
        self._long: set[tuple[str, str]] = set()
        self._loose: set[tuple[str, str]] = set()
        self._calls: list[tuple[str, str]] = []
        self._same = dict.fromkeys(_PERIODS, 0)

    def follow(self, trajectory: Sequence[Mapping[str, Any]]) -> None:
        """Take in what was added since the last time."""
        new = trajectory[self._seen :]
        self._seen = len(trajectory)
        for _, step in groupby(new, key=lambda call: call["step"]):
            self._take(list(step))

    def earlier(self, key: str) -> str | None:
        """The result of the call in this world, None if it has none or failed."""
        return self._results.get(key)

    def failures(self, key: str) -> int:
        """How often the call has failed in the same way in this world."""
        return self._failures.get(key, ("", 0))[1]

    def loop(self, key: str) -> tuple[int, int]:
        """(calls, period) of the longest loop that a call with this loose key goes on with."""
        longest = (0, 1)
        for period in _PERIODS:
            if len(self._calls) >= period and self._calls[-period][0] == key:
                found = (self._same[period] + period, period)
                longest = max(longest, found, key=lambda loop: loop[0])
        return longest

    def repeats(self, call: Mapping[str, Any]) -> bool:
        """Whether another call has shown in this world what ``call``, just made, shows again.

        One that is the same but for case and blanks, or any of the same tool whose result is long;
        of one that failed, the same call.
        """
        spec = self._spec(call)
        if spec is None or spec.side_effects:
            return False
        observation = call["observation"]
        if call["is_error"]:
            failure, _ = self._failures.get(call_key(spec, call["arguments"]), ("", 0))
            return failure == observation
        if (call["tool"], observation) in self._long:
            return True
        return (loose_key(spec, call["arguments"]), folded(observation)) in self._loose

    def _spec(self, call: Mapping[str, Any]) -> ToolSpec | None:
        tool = self._tools.get(call["tool"])
        return tool.spec if tool else None

    def _take(self, step: Sequence[Mapping[str, Any]]) -> None:
        specs = [self._spec(call) for call in step]
        changed = any(
            not call["refused"] and (spec is None or spec.side_effects)
            for call, spec in zip(step, specs, strict=True)
        )
        if changed:
            for known in (self._results, self._failures, self._long, self._loose):
                known.clear()
        for call, spec in zip(step, specs, strict=True):
            name, observation = call["tool"], call["observation"]
            loose = loose_key(spec, call["arguments"]) if spec else name
            self._count(loose, observation)
            if changed or spec is None or call["served"] or call["refused"]:
                continue
            key = call_key(spec, call["arguments"])
            if call["is_error"]:
                error, count = self._failures.get(key, ("", 0))
                self._failures[key] = (observation, count + 1 if error == observation else 1)
                continue
            self._results[key] = observation
            self._failures.pop(key, None)
            self._loose.add((loose, folded(observation)))
            if len(observation) >= _LONG:
                self._long.add((name, observation))

    def _count(self, key: str, observation: str) -> None:
        self._calls.append((key, observation))
        for period in _PERIODS:
            place = len(self._calls) - 1 - period
            alike = place >= 0 and self._calls[place] == self._calls[-1]
            self._same[period] = self._same[period] + 1 if alike else 0
