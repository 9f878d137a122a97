"""One attempt at one task: set it up, let an arm try, score it, and say how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from lean_agent import (
    Account,
    Budget,
    ConfigurationError,
    LeanAgentError,
    Ledger,
    LimitExceededError,
    Model,
    RunResult,
    Usage,
)
from lean_agent.errors import ContentFilterError, ContextLengthError, ModelBehaviorError
from lean_agent.models.pricing import PriceTable
from lean_agent.price import Price
from lean_agent.result import TrajectoryStep
from lean_agent.usage import EXACT
from lean_agent_evals.arms import Arm, Means
from lean_agent_evals.flops import attempt_flops
from lean_agent_evals.journal import Journal, RecordedModel, SampleKey, recorded
from lean_agent_evals.json_lines import ResultsError
from lean_agent_evals.outcome import Ending, Outcome
from lean_agent_evals.redaction import redacted
from lean_agent_evals.shapes import SHAPES
from lean_agent_evals.suite import Episode, Suite
from lean_agent_evals.task import Score, Task

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

__all__ = ["Bench", "Sample", "attempt", "cut_off"]

_OF_THE_RUN = ("parent", "shared")
"""The whole run's limit, or one of all runs, says nothing of the arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all attempts of a run share.

    ``account`` is the whole run's, or a worker's part of it. ``price`` is the model's.
    """

    suite: Suite
    model: Model
    account: Account
    ledger: Ledger
    prices: PriceTable
    price: Price | None
    sample_budget: Budget
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A task, who attempts it, and for which time, from 0."""

    task: Task
    arm: Arm
    epoch: int

    @property
    def key(self) -> SampleKey:
        return SampleKey(self.arm.name, self.epoch, self.task.id)


async def attempt(
    sample: Sample, bench: Bench, journal: Journal
) -> tuple[Outcome, Mapping[str, Any]]:
    """What it came to, and what was asked, said and done (a line of trajectories.jsonl).

    Raises:
        ConfigurationError: no other attempt can go better.
        ResultsError: what is paid for cannot be written down.
    """
    budget = _left(bench.sample_budget, journal)
    failure: LeanAgentError | None = None
    async with _opened(bench.suite, sample.task) as episode:
        means = Means(
            model=RecordedModel(bench.model, journal, bench.price),
            tools=recorded(episode.tools, journal),
            roots=episode.roots,
            instructions=episode.instructions,
            budget=budget,
            account=bench.account,
            answers=journal if journal.has_answers else None,
            ledger=bench.ledger,
            prices=bench.prices,
            temperature=bench.temperature,
            seed=bench.seed + sample.epoch,
            task_id=sample.task.id,
        )
        try:
            result = await sample.arm.attempt(sample.task.question, means)
        except (ConfigurationError, ResultsError):
            raise
        except LeanAgentError as error:
            failure = error
            result = error.result or _nothing()
        with _own_code(f"score {sample.task.id}"):
            score = await asyncio.to_thread(episode.score, result)
    if result.limit_of in _OF_THE_RUN:
        journal.take_back()
    ending = _ending(result, score, failure)
    usage = result.usage + journal.replayed
    return _told(sample, bench, journal, result, usage, score, ending, failure)


def cut_off(
    sample: Sample, bench: Bench, journal: Journal, why: LeanAgentError
) -> tuple[Outcome, Mapping[str, Any]]:
    """What ``attempt`` gives, of an attempt of which only its journal is left."""
    score = Score(value=0.0, passed=False, detail=why.message)
    usage = journal.earlier_usage
    return _told(sample, bench, journal, _nothing(), usage, score, "infrastructure", why)


def _told(
    sample: Sample,
    bench: Bench,
    journal: Journal,
    result: RunResult,
    usage: Usage,
    score: Score,
    ending: Ending,
    failure: LeanAgentError | None,
) -> tuple[Outcome, Mapping[str, Any]]:
    outcome = Outcome(
        task_id=sample.task.id,
        arm=sample.arm.name,
        epoch=sample.epoch,
        seed=bench.seed + sample.epoch,
        value=score.value,
        ending=ending,
        exit_status=result.exit_status,
        usage=replace(usage, provenance=usage.provenance - {"served"}),
        steps=result.steps,
        tool_calls=result.tool_calls,
        seconds=round(journal.earlier_seconds + result.seconds, 4),
        flops=attempt_flops(SHAPES.get(bench.model.name), journal.calls, usage),
        needs_tools=sample.task.needs_tools,
        entities_required=len(sample.task.entities),
        entities_found=_found(sample.task.entities, result.trajectory),
    )
    return outcome, _trajectory(sample.task, result, score, outcome, failure, journal.calls)


@asynccontextmanager
async def _opened(suite: Suite, task: Task) -> AsyncGenerator[Episode]:
    """The episode, set up and cleaned up in threads: both may write files."""
    async with AsyncExitStack() as stack:
        with _own_code(f"set up {task.id}"):
            manager = suite.open(task)
            episode = await asyncio.to_thread(manager.__enter__)
        stack.push_async_callback(asyncio.to_thread, manager.__exit__, None, None, None)
        yield episode


@contextmanager
def _own_code(does: str) -> Generator[None]:
    """What goes wrong in a suite's own code is told in one line."""
    try:
        yield
    except LeanAgentError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"the suite cannot {does}: {type(error).__name__}: {error}",
            hint="mend it, then go on: what was answered is kept",
        ) from error


def _left(budget: Budget, journal: Journal) -> Budget:
    """What earlier parts have left of an attempt's budget.

    Steps and tool calls are not taken off: those that are given again from the journal count anew.
    """
    left = {limit.name: getattr(budget, limit.name) for limit in fields(Budget)}
    spent = journal.earlier_usage
    if budget.usd is not None:
        left["usd"] = max(EXACT.subtract(budget.usd, spent.cost or 0), 0)
    if budget.tokens is not None:
        left["tokens"] = max(budget.tokens - spent.total_tokens, 0)
    if budget.seconds is not None:
        left["seconds"] = max(budget.seconds - journal.earlier_seconds, 0.0)
    return Budget(**left)


def _ending(result: RunResult, score: Score, failure: LeanAgentError | None) -> Ending:
    if result.limit_of in _OF_THE_RUN:
        return "infrastructure"
    if score.passed:
        return "answered"
    match failure:
        case ContentFilterError():
            return "refused"
        case ContextLengthError() | LimitExceededError():
            return "limit"
        case None | ModelBehaviorError():
            return "limit" if result.exit_status == "limit_exceeded" else "wrong"
        case _:
            return "infrastructure"


def _found(entities: Sequence[str], steps: Sequence[TrajectoryStep]) -> int:
    return sum(any(entity in step.observation for step in steps) for entity in entities)


def _nothing() -> RunResult:
    return RunResult(
        output="",
        messages=(),
        usage=Usage(),
        mode="auto",
        exit_status="failed",
        steps=0,
        tool_calls=0,
        seconds=0.0,
        run_id="",
    )


def _trajectory(
    task: Task,
    result: RunResult,
    score: Score,
    outcome: Outcome,
    failure: LeanAgentError | None,
    calls: Sequence[Usage],
) -> Mapping[str, Any]:
    return redacted(
        {
            "question": task.question,
            "answers": task.answers,
            "level": task.level,
            "kind": task.kind,
            **result.to_dict(),
            "usage": outcome.usage.to_dict(),
            "calls": [usage.to_dict() for usage in calls],
            "seconds": outcome.seconds,
            "entities_required": outcome.entities_required,
            "entities_found": outcome.entities_found,
            "ending": outcome.ending,
            "error": failure.message if failure is not None else None,
            "score": score.value,
            "passed": score.passed,
            "detail": score.detail,
            "messages": [message.to_dict() for message in result.messages],
            "trajectory": [step.to_dict() for step in result.trajectory],
        }
    )
