"""A run's messages as steps, where some calls were foreseen."""

from __future__ import annotations

import pytest

from lean_agent.messages import Message
from lean_agent.result import TrajectoryStep
from lean_agent.trajectory.run_steps import run_steps

CALL = '{"tool":"look","arguments":{"n":1}}'
FORESEEN = TrajectoryStep(step=0, tool="look", arguments={"n": 1}, observation="one", foreseen=True)
SERVED = TrajectoryStep(step=1, tool="look", arguments={"n": 1}, observation="one", served=True)


def messages(*said: str) -> list[Message]:
    return [Message("user", "How many?"), *(Message("assistant", text) for text in said)]


def test_the_model_may_ask_for_the_same_again() -> None:
    steps = run_steps(messages(CALL, CALL, "One."), [FORESEEN, SERVED], [])
    assert [(step.turn, step.action) for step in steps] == [(0, "look"), (1, "look"), (2, "answer")]
    assert [step.usage.tokens for step in steps] == [0, None, None]


@pytest.mark.parametrize(
    "text",
    ['{"a":' * 100_000, '{"tool":"look"', "{}", '{"tool":"look","arguments":{"n":2}}', '["look"]'],
)
def test_what_else_it_writes_is_none_of_them(text: str) -> None:
    steps = run_steps(messages(CALL, text), [FORESEEN], [])
    assert [step.action for step in steps] == ["look", "answer"]
    assert steps[1].arguments == {"argument": text}
