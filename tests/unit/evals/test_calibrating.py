"""What the gate learns of a run: every task of it, and each attempt's own confidence."""

from __future__ import annotations

from pathlib import Path

from support.outcomes import outcome

from lean_agent_evals.calibrating import tried_in
from lean_agent_evals.config import RunConfig
from lean_agent_evals.results import ResultsFolder

SUITE = """
from lean_agent_evals.attempt import Attempt
from lean_agent_evals.task import Task
from contextlib import contextmanager


class Own:
    name = "own"

    def tasks(self, split, *, seed=0, count=None):
        asked = "How many nuts are {} and {}?"
        return [Task(id=f"t{n}", question=asked.format(n, n)) for n in range(count or 3)]

    @contextmanager
    def open(self, task):
        yield Attempt(instructions="", scorer=None)

    def solution(self, task): ...

    def best(self, task):
        return 1.0


suite = Own()
"""


def folder_of(tmp_path: Path, *, count: int | None, epochs: int = 1) -> ResultsFolder:
    (tmp_path / "own.py").write_text(SUITE)
    results = ResultsFolder(tmp_path / "run")
    arms = ("instant", "reason")
    suite = str(tmp_path / "own.py")
    results.write_config(RunConfig(suite=suite, arms=arms, count=count, epochs=epochs))
    return results


def test_tasks_beyond_the_suites_own_number_are_learned_from(tmp_path: Path) -> None:
    results = folder_of(tmp_path, count=5)
    for n in range(5):
        for arm in ("instant", "reason"):
            results.append(outcome(f"t{n}", arm=arm), {})
    _, tried = tried_in(results.path)
    assert [one.task_id for one in tried] == ["t0", "t1", "t2", "t3", "t4"]


def test_confidence_is_that_of_the_first_epoch_that_counts(tmp_path: Path) -> None:
    results = folder_of(tmp_path, count=2, epochs=2)
    for n in range(2):
        results.append(outcome(f"t{n}", arm="reason"), {})
    results.append(outcome("t0", arm="instant", epoch=1), {"confidence": 0.1})
    results.append(outcome("t0", arm="instant", ending="infrastructure"), {"confidence": 0.2})
    results.append(outcome("t0", arm="instant"), {"confidence": 0.3})
    results.append(outcome("t1", arm="instant", ending="infrastructure"), {"confidence": 0.4})
    results.append(outcome("t1", arm="instant", epoch=1), {"confidence": 0.5})
    _, tried = tried_in(results.path)
    assert [one.attempts["instant"].confidence for one in tried] == [0.3, 0.5]
