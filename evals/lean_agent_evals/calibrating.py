"""From what a run came to, to what the gate learns of it. Spec: gating, step 2."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from lean_agent import ConfigurationError
from lean_agent.gate import ChosenMode, Signals
from lean_agent.gating.fit import Attempted, Tried
from lean_agent.gating.words import CHAT
from lean_agent.planner import Planner
from lean_agent.plugins import load_planners
from lean_agent.runtime.signals import signals_of
from lean_agent_evals.config import RunConfig
from lean_agent_evals.journal import SampleKey
from lean_agent_evals.json_lines import read_lines
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder, read_outcomes
from lean_agent_evals.suite import Episode, Solution, Suite
from lean_agent_evals.task import Split, Task

__all__ = ["Uncertain", "calibrated_modes", "signals_at", "tried_in"]

_MODES: Final[tuple[ChosenMode, ...]] = ("instant", "reason", "agent")
"""The modes that a calibration tries: where the rules choose plan they are certain."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Those tasks of a suite about which no rule is certain: the gate learns nothing of others."""

    inner: Suite

    @property
    def name(self) -> str:
        return self.inner.name

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """
        Raises:
            ConfigurationError: more are asked for than there are.
        """
        planners = load_planners()
        found = self.inner.tasks(split, seed=seed, count=None)
        left = [task for task in found if not _certain(task.question, (), planners)]
        if count is not None and count > len(left):
            raise ConfigurationError(
                f"there are {len(left)} tasks to learn from, not {count}", hint="ask for fewer"
            )
        return left[:count]

    def open(self, task: Task) -> AbstractContextManager[Episode]:
        return self.inner.open(task)

    def solution(self, task: Task) -> Solution:
        return self.inner.solution(task)

    def best(self, task: Task) -> float:
        return self.inner.best(task)


def calibrated_modes(suite: Suite, tasks: Sequence[Task]) -> tuple[ChosenMode, ...]:
    """The modes that can be tried at all of the tasks: agent is none where one offers no tool."""
    for task in tasks:
        with suite.open(task) as episode:
            if not episode.tools:
                return tuple(mode for mode in _MODES if mode != "agent")
    return _MODES


def signals_at(task: Task, suite: Suite, planners: Sequence[Planner]) -> Signals:
    """What the gate is told of a task."""
    with suite.open(task) as episode:
        found, _ = asyncio.run(
            signals_of(
                task.question,
                "auto",
                tools={tool.spec.name: tool for tool in episode.tools},
                roots=episode.roots,
                planners=planners,
            )
        )
    return found


def tried_in(folder: Path) -> tuple[RunConfig, list[Tried]]:
    """What each task of a run came to in every mode; those that no rule is certain about.

    Raises:
        ConfigurationError: there is no run, or it has no modes in common over its tasks.
    """
    config = ResultsFolder(folder).config()
    suite = open_suite(config.suite)
    found = read_outcomes(folder)
    outcomes: dict[str, dict[ChosenMode, list[Outcome]]] = {}
    for key, outcome in found.items():
        for mode in _MODES:
            if key.arm == mode and outcome.counts:
                outcomes.setdefault(key.task_id, {}).setdefault(mode, []).append(outcome)
    counting = [key for key, outcome in found.items() if outcome.counts]
    confidence = _confidences(folder, counting)
    planners = load_planners()
    tried: list[Tried] = []
    for task in _tasks(suite, config):
        if task.id not in outcomes or _certain(task.question, (), planners):
            continue
        attempts: dict[ChosenMode, Attempted] = {
            mode: Attempted(
                passed=fmean([one.passed for one in made]),
                cost=fmean([one.usage.token_units for one in made]),
                confidence=confidence.get((mode, task.id)),
            )
            for mode, made in outcomes[task.id].items()
        }
        tried.append(
            Tried(task_id=task.id, signals=signals_at(task, suite, planners), attempts=attempts)
        )
    if not tried:
        raise ConfigurationError(
            f"{folder} holds nothing that the gate could learn from",
            hint=f"it takes attempts in the modes {', '.join(_MODES)}",
        )
    return config, tried


def _tasks(suite: Suite, config: RunConfig) -> Sequence[Task]:
    """At least those of the run: the suite's own number, or as many as were asked for, if more.

    A calibration leaves some out and counts those that remain, so its tasks are among more.
    """
    found = suite.tasks(config.split, seed=config.seed)
    if config.count is not None and config.count > len(found):
        return suite.tasks(config.split, seed=config.seed, count=config.count)
    return found


def _certain(question: str, files: Sequence[Path], planners: Sequence[Planner]) -> bool:
    return bool(CHAT.match(question)) or bool(_domain(question, files, planners))


def _domain(question: str, files: Sequence[Path], planners: Sequence[Planner]) -> str:
    for planner in planners:
        if (found := planner.recognise(question, files)) is not None:
            return found.domain
    return ""


def _confidences(folder: Path, counting: Collection[SampleKey]) -> Mapping[tuple[str, str], float]:
    """By arm and task; that of the first epoch of those that count. Of two lines about one attempt
    the later counts.
    """
    told: dict[SampleKey, Any] = {}
    for line in read_lines(folder / "trajectories.jsonl"):
        told[SampleKey.of(line)] = line.get("confidence")
    found: dict[tuple[str, str], float] = {}
    for key in sorted(counting):
        if isinstance(given := told.get(key), int | float):
            found.setdefault((key.arm, key.task_id), float(given))
    return found
