"""A recorded run gives the events that it gave when it went on."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from support.scripted_runs import ANSWER, SEARCH, agent, searching
from support.trajectories import acted, answered, trajectory, used

from lean_agent import Ledger
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    RunStarted,
    StepStarted,
    Token,
    ToolFinished,
    ToolStarted,
)
from lean_agent.trajectory.files import read_trajectories
from lean_agent.trajectory.recording import Recorder
from lean_agent.trajectory.replaying import replayed

KINDS = (RunStarted, ModeChosen, StepStarted, ToolStarted, ToolFinished)


def what(event: Event) -> object:
    match event:
        case ToolStarted(_, name, arguments):
            return name, dict(arguments)
        case ToolFinished(_, name, output, is_error):
            return name, output, is_error
        case ModeChosen(mode):
            return mode
        case _:
            return event


async def test_events_come_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    recorder = Recorder(path=tmp_path / "runs.jsonl")
    subject, _ = agent(
        [SEARCH, ANSWER, "29.8 degrees"],
        Ledger(tmp_path / "ledger"),
        tools=[searching()],
        record=recorder,
    )
    live = [event async for event in subject.stream("How hot?", mode="agent")]
    (found,) = read_trajectories(recorder.file)
    again = list(replayed(found))
    assert [what(e) for e in again if isinstance(e, KINDS)] == [
        what(e) for e in live if isinstance(e, KINDS)
    ]
    *_, before = (event.usage for event in live if isinstance(event, CostUpdated))
    *_, now = (event.usage for event in again if isinstance(event, CostUpdated))
    assert (now.input_tokens, now.output_tokens) == (before.input_tokens, before.output_tokens)
    assert Token("29.8 degrees", "answer") in again


def test_costs_add_up_until_one_is_unknown() -> None:
    steps = [
        acted(0, "ada", thought="Look.", usage=used(10, 5, "0.01")),
        acted(1, "byron", usage=used(20, 5)),
        acted(2, "again"),
        answered(3, "Ada", usage=used(30, 5, "0.03")),
    ]
    events = list(replayed(trajectory(steps)))
    spent = [event.usage for event in events if isinstance(event, CostUpdated)]
    told = [(usage.total_tokens, usage.cost) for usage in spent]
    assert told == [(15, Decimal("0.01")), (40, None)]
    assert Token("Look.", "reasoning") in events
