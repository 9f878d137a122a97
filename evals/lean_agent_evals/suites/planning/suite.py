"""The suite planning: the planners' domains, asked in words, so that any mode can try them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lean_agent import ConfigurationError, RunResult
from lean_agent_evals.attempt import Attempt
from lean_agent_evals.splits import half
from lean_agent_evals.suite import Solution
from lean_agent_evals.suites.planning.questions import instance_text, question
from lean_agent_evals.task import Score, Split, Task
from lean_agent_planners.domain import InvalidPlanError
from lean_agent_planners.library import domain_names, load_domain, stored_planner
from lean_agent_planners.solving import solve
from lean_agent_tools.calculator import calculator
from lean_agent_tools.python import python

__all__ = ["Planning"]

_INSTRUCTIONS = "Solve the problem. Keep to the form of the answer that it asks for."


class Planning:
    """Instances of the shipped domains, scored 1 or 0 by the domain's own check of the answer.

    A task's ``kind`` is its domain. Each attempt is given a calculator and Python. What is asked
    twice counts once. The solutions are the reference planners'.

    Args:
        folder: One domain's data, in a folder of the domain's name ("game24"), or a folder that
            holds such folders.

    Raises:
        ConfigurationError: there is no such folder, or its files cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        known = domain_names()
        names = [folder.name] if folder.name in known else known
        place = folder.parent if folder.name in known else folder
        found = [name for name in names if (place / name).is_dir()]
        if not found:
            raise ConfigurationError(
                f"{folder} holds no domain's data", hint=f"a folder called {', '.join(known)}"
            )
        self.name = f"planning-{found[0]}" if len(found) == 1 else "planning"
        tasks = [task for name in found for task in _tasks(name, place / name)]
        self._tasks = list({task.question: task for task in reversed(tasks)}.values())

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """Half of the instances.

        Raises:
            ConfigurationError: more are asked for than there are.
        """
        return half(self._tasks, split, seed=seed, count=count)

    @contextmanager
    def open(self, task: Task) -> Generator[Attempt]:
        def scored(result: RunResult) -> Score:
            problem = _problem(task, result.output)
            return Score(value=float(not problem), passed=not problem, detail=problem)

        yield Attempt(tools=[calculator, python], instructions=_INSTRUCTIONS, scorer=scored)

    def solution(self, task: Task) -> Solution:
        domain = load_domain(task.kind)
        searched = solve(domain, stored_planner(domain), task.data["instance"])
        with ThreadPoolExecutor(1) as thread:  # the caller may have an event loop of its own
            solved = thread.submit(asyncio.run, searched).result()
        return Solution(answer=solved.answer or "")

    def best(self, task: Task) -> float:
        del task
        return 1.0


def _tasks(name: str, folder: Path) -> list[Task]:
    found: list[Task] = []
    for instance in load_domain(name).instances(folder):
        text = instance_text(name, instance.text)
        found.append(
            Task(
                id=f"{name}-{instance.name}",
                question=question(name, text),
                kind=name,
                data={"instance": text},
            )
        )
    return found


def _problem(task: Task, answer: str) -> str:
    """What is wrong with an answer; "" for nothing."""
    domain = load_domain(task.kind)
    if domain.check_answer is None:
        raise ConfigurationError(f"the domain {task.kind} has no check of an answer in words")
    try:
        domain.check_answer(task.data["instance"], answer)
    except InvalidPlanError as error:
        return error.message
    return ""
