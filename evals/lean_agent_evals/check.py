"""Proves, without a model, that a suite can be solved, and not by doing nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from typing import get_args

from lean_agent import RunContext, RunResult, Usage
from lean_agent.result import TrajectoryStep
from lean_agent_evals.suite import Episode, Solution, Suite
from lean_agent_evals.task import Split, Task

__all__ = ["check_suite"]


async def check_suite(
    suite: Suite, *, seeds: Sequence[int] = (0,), count: int | None = None
) -> list[str]:
    """What is wrong with a suite, a line each; nothing for a valid one.

    Every solution is played through its episode's real tools. Each required entity, and each text
    that the task's data lists under "evidence", must be seen in an observation, as much of it as a
    model would be shown. The solution must score what ``best`` says, an empty answer 0. Where the
    task says whether tools are needed, the solution must agree. Tasks must be the same when asked
    for again, whole or in part, and their ids and questions different; nothing asked in one split
    may be asked in the other, whatever the seeds.

    Args:
        suite: What to check.
        seeds: For each of these the tasks of both splits are checked.
        count: So many tasks of each; None checks as many as the suite has by default.
    """
    problems: list[str] = []
    asked: dict[Split, dict[str, str]] = {"dev": {}, "test": {}}
    for split in get_args(Split):
        for seed in seeds:
            tasks = suite.tasks(split, seed=seed, count=count)
            problems += _same_again(suite, tasks, split, seed)
            problems += _repeated(tasks, f"{split}, seed {seed}")
            asked[split] |= {task.question: task.id for task in tasks}
            for task in tasks:
                problems += [f"{task.id}: {wrong}" async for wrong in _played(suite, task)]
    both = [question for question in asked["dev"] if question in asked["test"]]
    problems += [f"{asked['dev'][q]} and {asked['test'][q]} ask the same: {q}" for q in both]
    return problems


def _same_again(suite: Suite, tasks: Sequence[Task], split: Split, seed: int) -> Iterator[str]:
    some = len(tasks) // 2
    if list(suite.tasks(split, seed=seed, count=len(tasks))) != list(tasks):
        yield f"{split}, seed {seed}: asked for again, the tasks are others"
    elif list(suite.tasks(split, seed=seed, count=some)) != list(tasks[:some]):
        yield f"{split}, seed {seed}: the first {some} tasks are others when alone"


def _repeated(tasks: Sequence[Task], where: str) -> Iterator[str]:
    for name, values in (
        ("id", [task.id for task in tasks]),
        ("question", [task.question for task in tasks]),
    ):
        for value in dict.fromkeys(value for value in values if values.count(value) > 1):
            yield f"{where}: {values.count(value)} tasks have the {name} {value}"


async def _played(suite: Suite, task: Task) -> AsyncIterator[str]:
    solution = suite.solution(task)
    if task.needs_tools is not None and task.needs_tools != bool(solution.calls):
        yield f"needs_tools is {task.needs_tools}, its solution makes {len(solution.calls)} calls"
    with suite.open(task) as episode:
        if episode.score(_result("", [])).value != 0:
            yield "an empty answer does not score 0"
    with suite.open(task) as episode:
        steps, problem = await _steps(episode, solution)
        if problem:
            yield problem
            return
        score = episode.score(_result(solution.answer, steps))
    if score.value != (best := suite.best(task)):
        yield f"the solution scores {score.value:g}, not {best:g} ({score.detail})"
    wanted = dict.fromkeys((*task.entities, *task.data.get("evidence", ())))
    for text in _unseen(list(wanted), [step.observation for step in steps]):
        yield f"no observation of the solution shows {text!r}"


async def _steps(episode: Episode, solution: Solution) -> tuple[list[TrajectoryStep], str]:
    """The calls that went well, and what was wrong with the one that did not."""
    tools = {tool.spec.name: tool for tool in episode.tools}
    context = RunContext(run_id="check", roots=tuple(episode.roots))
    steps: list[TrajectoryStep] = []
    for number, (name, arguments) in enumerate(solution.calls, 1):
        if name not in tools:
            return steps, f"call {number} of the solution wants a tool {name!r}, which is not there"
        try:
            text = await tools[name].call(arguments, context)
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is for the report
            return steps, f"call {number} of the solution, {name}, fails: {error}"
        shown = text[: tools[name].spec.max_output_chars]
        steps.append(TrajectoryStep(step=number, tool=name, arguments=arguments, observation=shown))
    return steps, ""


def _unseen(wanted: Collection[str], observations: Collection[str]) -> list[str]:
    return [text for text in wanted if not any(text in shown for shown in observations)]


def _result(answer: str, steps: Sequence[TrajectoryStep]) -> RunResult:
    return RunResult(
        output=answer,
        messages=(),
        usage=Usage(),
        mode="agent",
        exit_status="completed",
        steps=len(steps) + 1,
        tool_calls=len(steps),
        seconds=0.0,
        run_id="check",
        trajectory=tuple(steps),
    )
