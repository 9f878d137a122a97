"""Plan mode: what a planner solves costs no model call; what it does not goes on elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import agent, rows

from lean_agent import Budget, Ledger
from lean_agent.errors import ConfigurationError
from lean_agent.events import Event, ModeChosen, RunFinished, Token
from lean_agent.ledger import queries
from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.planner import Ask, PlannedAnswer, Planner, PlanStatus, Recognised


class Mazes:
    """Knows tasks that begin with 'maze'."""

    def __init__(self, status: PlanStatus = "solved", answer: str = "left, left") -> None:
        self.status: PlanStatus = status
        self.answer = answer
        self.files: list[Path] = []

    @property
    def domains(self) -> Sequence[str]:
        return ["mazes"]

    def recognise(
        self, task: str, files: Sequence[Path] = (), *, forced: bool = False
    ) -> Recognised | None:
        self.files += files
        known = task.startswith("maze") or (forced and "maze" in task)
        return Recognised(domain="mazes", instance=task) if known else None

    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        return PlannedAnswer(
            status=self.status, answer=self.answer, evidence="mazes: 12 states", expansions=12
        )

    async def devise(self, task: str, ask: Ask) -> PlannedAnswer:
        request = ModelRequest(messages=(Message("user", f"write down: {task}"),))
        said = [(await ask(request)).message.content for _ in range(2)]
        evidence = "2 of 2 writings agree"
        return PlannedAnswer(status="unverified", answer=" ".join(said), evidence=evidence)


class Failing(Mazes):
    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        raise RuntimeError("first\nsecond")


class Slow(Mazes):
    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        await asyncio.sleep(60)
        raise AssertionError


def planning(ledger: Ledger, result: Any) -> list[tuple[str, str, str]]:
    rows = queries.show(ledger.folder, result.run_id)
    return [
        (row["tool"], row["mode"], row["finish_reason"])
        for row in rows
        if row["operation"] == "plan"
    ]


def test_the_fake_is_a_planner() -> None:
    assert isinstance(Mazes(), Planner)


@pytest.mark.parametrize("mode", ["auto", "plan"])
async def test_a_known_problem_costs_no_call(ledger: Ledger, mode: Any) -> None:
    subject, model = agent([], ledger, planners=[Mazes()])
    result = await subject.run("maze 1", mode=mode)
    assert (result.output, result.mode, result.exit_status) == ("left, left", "plan", "completed")
    assert result.mode_reason.endswith("; mazes: 12 states")
    assert (result.steps, result.usage.total_tokens, result.usage.cost) == (0, 0, 0)
    assert model.requests == []
    assert [message.content for message in result.messages[1:]] == ["maze 1", "left, left"]
    assert planning(ledger, result) == [("mazes", "plan", "solved")]


async def test_the_answer_is_streamed_with_the_mode_that_was_chosen(ledger: Ledger) -> None:
    subject, _ = agent([], ledger, planners=[Mazes()])
    events: list[Event] = [event async for event in subject.stream("maze 1")]
    chosen = [event for event in events if isinstance(event, ModeChosen)]
    assert chosen == [ModeChosen("plan", "a search problem of the domain mazes")]
    assert Token("left, left", "answer") in events
    assert isinstance(events[-1], RunFinished)


async def test_other_tasks_are_left_alone(ledger: Ledger) -> None:
    subject, _ = agent(["Canberra"], ledger, planners=[Mazes()])
    assert (await subject.run("What about a maze?")).mode == "instant"


async def test_modes_that_are_forced_ask_no_planner(ledger: Ledger) -> None:
    subject, model = agent(["no idea"], ledger, planners=[Mazes()])
    assert (await subject.run("maze 1", mode="instant")).mode == "instant"
    assert len(model.requests) == 1


async def test_plan_mode_takes_what_may_be_a_problem(ledger: Ledger) -> None:
    subject, _ = agent([], ledger, planners=[Mazes()])
    assert (await subject.run("What about a maze?", mode="plan")).output == "left, left"


async def test_without_a_planner_plan_mode_is_refused_before_anything_is_spent(
    ledger: Ledger,
) -> None:
    subject, model = agent([], ledger, planners=[])
    with pytest.raises(ConfigurationError, match="none is installed"):
        await subject.run("maze 1", mode="plan")
    assert model.requests == []


async def test_a_task_that_no_planner_knows_is_written_down_by_the_model_and_charged(
    ledger: Ledger,
) -> None:
    subject, model = agent(["up", "down"], ledger, planners=[Mazes()])
    result = await subject.run("hello", mode="plan")
    assert (result.output, result.exit_status, result.steps) == ("up down", "completed", 0)
    assert result.notices == ("the answer may not do: 2 of 2 writings agree",)
    assert len(model.requests) == 2
    assert [(row["purpose"], row["mode"]) for row in rows(ledger, result)] == [("plan", "plan")] * 2
    assert planning(ledger, result) == [("unknown", "plan", "unverified")]
    assert result.usage.total_tokens > 0


async def test_a_cap_ends_what_the_model_writes(ledger: Ledger) -> None:
    subject, model = agent(["up"], ledger, planners=[Mazes()], budget=Budget(tokens=20))
    result = await subject.run("hello " * 30, mode="plan")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "tokens")
    assert model.requests == []
    assert planning(ledger, result) == [("unknown", "plan", "limit")]


@pytest.mark.parametrize("planner", [Mazes("unknown", ""), Failing()])
async def test_without_a_plan_an_unforced_run_goes_on_and_keeps_the_evidence(
    ledger: Ledger, planner: Mazes
) -> None:
    subject, model = agent(["thinking. Answer: right"], ledger, planners=[planner])
    result = await subject.run("maze 1")
    assert (result.output, result.mode, result.exit_status) == ("right", "reason", "completed")
    evidence = "mazes failed: first second" if isinstance(planner, Failing) else "mazes: 12 states"
    said = [message.content for message in model.requests[0].messages]
    assert said[1:3] == ["maze 1", f"There is no answer yet: {evidence}."]
    assert evidence in said[3]
    assert planning(ledger, result) == [("mazes", "plan", "unknown")]


async def test_without_a_plan_a_forced_run_fails_and_says_why(ledger: Ledger) -> None:
    subject, _ = agent([], ledger, planners=[Mazes("unknown", "")])
    result = await subject.run("maze 1", mode="plan")
    assert (result.output, result.exit_status) == ("", "failed")
    assert result.notices == ("the answer may not do: mazes: 12 states",)


async def test_a_plan_that_nothing_checked_is_given_with_a_warning(ledger: Ledger) -> None:
    subject, _ = agent([], ledger, planners=[Mazes("unverified")])
    result = await subject.run("maze 1", mode="plan")
    assert (result.output, result.exit_status) == ("left, left", "completed")
    assert result.notices == ("the answer may not do: mazes: 12 states",)


async def test_that_there_is_no_solution_is_an_answer(ledger: Ledger) -> None:
    subject, _ = agent([], ledger, planners=[Mazes("unsolvable", "There is none.")])
    result = await subject.run("maze 1")
    assert (result.output, result.exit_status, result.notices) == (
        "There is none.",
        "completed",
        (),
    )


async def test_the_search_ends_at_the_runs_seconds(ledger: Ledger) -> None:
    subject, _ = agent([], ledger, planners=[Slow()], budget=Budget(seconds=0.3))
    result = await subject.run("maze 1")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "seconds")
    assert planning(ledger, result) == [("mazes", "plan", "limit")]


class FirstSlow(Slow):
    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        if self.status == "unknown":
            self.status = "solved"
            await super().solve(recognised)
        return await Mazes.solve(self, recognised)


@pytest.mark.slow
async def test_a_search_that_the_seconds_ended_goes_on_when_resumed(
    ledger: Ledger, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.sqlite"
    planners = [FirstSlow("unknown")]
    subject, model = agent([], ledger, planners=planners, checkpoints=kept)
    first = await subject.run("maze 1", budget=Budget(seconds=1))
    assert (first.limit, first.resumable) == ("seconds", True)
    second = await subject.resume(first.run_id, budget=Budget(seconds=60))
    assert (second.output, second.mode, second.exit_status) == ("left, left", "plan", "completed")
    assert model.requests == []
    assert [ended for _, _, ended in planning(ledger, second)] == ["limit", "solved"]


async def test_files_that_are_attached_are_shown_to_the_planner_and_folders_are_not(
    ledger: Ledger, tmp_path: Path
) -> None:
    file = tmp_path / "maze.txt"
    file.write_text("maze", encoding="utf-8")
    planner = Mazes()
    subject, _ = agent([], ledger, planners=[planner], roots=[tmp_path, file])
    await subject.run("maze 1")
    assert planner.files == [file]


class Confused(Mazes):
    def recognise(
        self, task: str, files: Sequence[Path] = (), *, forced: bool = False
    ) -> Recognised | None:
        raise RuntimeError("first\nsecond")


async def test_a_planner_that_fails_to_look_is_passed_over(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    subject, _ = agent(["Canberra"], ledger, planners=[Confused(), Mazes()])
    with caplog.at_level(logging.WARNING, "lean_agent.runtime"):
        result = await subject.run("What about a maze?")
    assert (result.output, result.exit_status) == ("Canberra", "completed")
    assert "the planner of mazes cannot look at a task: first second" in caplog.text
    assert (await subject.explain("maze 1")).mode == "plan", "by the other one"
