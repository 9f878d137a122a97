"""What a model was measured to do, by kinds of tasks: how often each way passed, at what cost.

Kinds are nested, from all tasks to those with the same kinds of tools and the same words. Where few
attempts speak for a kind, it is pulled towards the one around it. Spec: gating, step 2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, Final, get_args

from lean_agent._files import write_whole
from lean_agent.errors import ConfigurationError
from lean_agent.gate import ChosenMode, Prediction, Signals, Way
from lean_agent.gating.features import BIAS, features, foretold
from lean_agent.gating.task_kinds import task_kinds
from lean_agent.gating.tool_kinds import own_tools

__all__ = ["Profile", "Tally"]

_VERSION: Final = 1
_PULL: Final = 4.0
"""How many attempts the surrounding kind's figures weigh."""
_PRIOR: Final = 0.5
_LEAST: Final = 5
"""Attempts at tasks with the same kinds of tools, for a profile to say anything of one."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts, how many passed (tried several times, a task counts in parts), and their costs'
    sum, in token units.
    """

    tried: int
    passed: float
    cost: float

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.tried + other.tried, self.passed + other.passed, self.cost + other.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """``source`` says what it was measured on, in words for a person. ``tallies`` are by kind, then
    by the way's name. ``sure`` is by the way's name, of ways that go on where an answer is unsure.
    ``weights``, by the way's name and then the feature's, foretell pass rates in place of the
    tallies where they are there: then the gate is a learned one. ``judged_until`` is when the
    newest of the user's judgements was made that is counted in, Unix time in seconds.
    """

    model: str
    source: str
    tallies: Mapping[str, Mapping[str, Tally]]
    sure: Mapping[str, float] = field(default_factory=dict[str, float])
    weights: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict[str, Mapping[str, float]]
    )
    judged_until: float = 0.0

    def predictions(self, signals: Signals) -> tuple[Prediction, ...]:
        """Of every way that was tried and is open at this task; none where too little is known."""
        wide, tools, narrow = task_kinds(signals)
        # Of the tools that come with lean-agent the rules know what they are good for, so a wider
        # kind does not overrule them; of others it is all that there is.
        if not self._knows(tools if own_tools(signals.tools) else narrow):
            return ()
        known: Mapping[str, float] = features(signals) if self.weights else {}
        found = [
            self._prediction(name, (wide, tools, narrow), known)
            for name in self.tallies.get(tools, {})
        ]
        return tuple(one for one in found if signals.tools or "agent" not in one.way.name)

    def _knows(self, kind: str) -> bool:
        ways = self.tallies.get(kind, {})
        return bool(ways) and all(tally.tried >= _LEAST for tally in ways.values())

    def _prediction(
        self, name: str, kinds: Sequence[str], known: Mapping[str, float]
    ) -> Prediction:
        rate, cost, tried = _PRIOR, 0.0, 0
        for depth, kind in enumerate(kinds):
            tally = self.tallies.get(kind, {}).get(name, Tally(0, 0.0, 0.0))
            pull = _PULL if depth else 1.0
            rate = (tally.passed + pull * rate) / (tally.tried + pull)
            # Nothing is around the widest kind for its cost to be pulled to.
            around = pull if depth else 0.0
            if tally.tried + around:
                cost = (tally.cost + around * cost) / (tally.tried + around)
            tried = tally.tried or tried
        if weights := self.weights.get(name):
            rate = foretold(weights, known)
        mode, _, then = name.partition(">")
        way = Way(
            mode=_mode(mode), then=_mode(then) if then else None, sure=self.sure.get(name, 0.0)
        )
        return Prediction(way=way, pass_rate=rate, cost=cost, tried=tried)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        data = {"version": _VERSION, **asdict(self)}
        write_whole(path, json.dumps(data, indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> Profile:
        """
        Raises:
            ConfigurationError: it cannot be read, or is no profile of this version.
        """
        try:
            data: Any = json.loads(path.read_text())
            if data.pop("version") != _VERSION:
                raise ValueError("it is of another version")
            tallies = {
                kind: {name: _tally(one) for name, one in ways.items()}
                for kind, ways in data.pop("tallies").items()
            }
            found = cls(tallies=tallies, **data)
            _check(found)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise ConfigurationError(
                f"{path} is no profile of the gate: {error}",
                hint="remove it, or make it anew with `lean-agent gate calibrate`",
            ) from error
        return found


def _check(profile: Profile) -> None:
    """
    Raises:
        ValueError, AttributeError: it holds what a profile cannot.
    """
    for ways in profile.tallies.values():
        for name in ways:
            mode, going_on, then = name.partition(">")
            _mode(mode)
            if going_on:
                _mode(then)
    if any(BIAS not in weights for weights in profile.weights.values()):
        raise ValueError("its weights have no bias")
    for numbers in (profile.sure, *profile.weights.values()):
        for value in numbers.values():
            if not isfinite(value):
                raise ValueError(f"{value} is no number to go by")


def _tally(data: Mapping[str, Any]) -> Tally:
    found = Tally(int(data["tried"]), float(data["passed"]), float(data["cost"]))
    if not (0 <= found.passed <= found.tried and 0 <= found.cost < inf):
        raise ValueError(f"{dict(data)} is no tally")
    return found


def _mode(name: str) -> ChosenMode:
    for mode in get_args(ChosenMode):
        if mode == name:
            return mode
    raise ValueError(f"{name!r} is no mode")
