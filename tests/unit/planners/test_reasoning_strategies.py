"""Plan-and-Budget and the outline, on a scripted model under the real run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from support.scripted_runs import agent, rows

from lean_agent import Budget, Ledger
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.thinking.within import Within
from lean_agent_planners import sub_questions
from lean_agent_planners.outline import Outline
from lean_agent_planners.plan_and_budget import PlanAndBudget, uniform
from lean_agent_planners.vote import Vote

HELD = ModelCard(action_format="schema", self_hosted=True, grammar=True)
TASK = "How many apples?"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def plan(*parts: tuple[str, list[int], int]) -> str:
    return json.dumps({"parts": [{"question": q, "needs": n, "credits": c} for q, n, c in parts]})


def limits(requests: list[ModelRequest]) -> list[int | None]:
    return [request.max_output_tokens for request in requests]


async def test_dependent_parts_are_asked_in_order_within_their_shares(ledger: Ledger) -> None:
    script = [plan(("a?", [], 20), ("b?", [1], 80)), "a is 1", "so\nAnswer: 2"]
    subject, model = agent(script, ledger, HELD, mode="reason", reasoning=PlanAndBudget())
    result = await subject.run(TASK)
    assert (result.output, result.steps, result.exit_status) == ("2", 2, "completed")
    spent = -(-len(script[0]) // 4)
    first_share = 24 + (1_024 - spent - 48) // 5
    rest = 1_024 - spent - len("a is 1") // 4 - 1
    assert limits(model.requests) == [409, first_share, rest], "what is left is the last part's"
    first, second = model.requests[1], model.requests[2]
    assert first.messages[-1].content.startswith(f"{TASK}\n\nFirst: a?")
    assert "Answer:" not in first.messages[-1].content
    assert second.messages[-1].content.startswith(f"With that, answer: {TASK}")
    assert "Answer:" in second.messages[-1].content
    assert second.messages[: len(first.messages)] == first.messages, "the prefix stays"
    assert second.messages[-2].content == "a is 1"
    assert result.messages == (*second.messages, result.messages[-1])
    assert [r["purpose"] for r in rows(ledger, result)] == ["plan", "reason", "reason"]


async def test_independent_parts_are_asked_side_by_side(ledger: Ledger) -> None:
    together = asyncio.Barrier(2)

    async def met(_request: ModelRequest) -> str:
        async with asyncio.timeout(5):
            await together.wait()
        return "1"

    script = [plan(("a?", [], 1), ("b?", [], 1), ("c?", [1, 2], 1)), met, met, "Answer: 2"]
    subject, model = agent(script, ledger, HELD, mode="reason", reasoning=PlanAndBudget())
    result = await subject.run(TASK)
    assert (result.output, result.steps) == ("2", 3)
    asked = [m.content for m in model.requests[3].messages if m.role == "user"]
    assert ["a?" in asked[0], "b?" in asked[1]] == [True, True]
    assert asked[2].startswith(f"With that, answer: {TASK}")
    assert [TASK in text for text in asked] == [True, False, True]


async def test_the_form_is_asked_for_by_schema_or_in_words(ledger: Ledger) -> None:
    for card, held in ((HELD, True), (ModelCard(self_hosted=True), False)):
        script = [plan(("a?", [], 1), ("b?", [], 1)), "1", "Answer: 2"]
        subject, model = agent(script, ledger, card, reasoning=PlanAndBudget())
        await subject.run(TASK, mode="reason")
        assert (model.requests[0].response_schema is not None) == held
        assert ("JSON" in model.requests[0].messages[-1].content) == (not held)


async def test_uniform_asks_for_no_credits_and_shares_alike(ledger: Ledger) -> None:
    script = [plan(("a?", [], 20), ("b?", [], 70), ("c?", [], 10)), "1", "1", "Answer: 2"]
    subject, model = agent(script, ledger, HELD, mode="reason", reasoning=uniform())
    await subject.run(TASK)
    assert "credits" not in json.dumps(model.requests[0].response_schema)
    assert "credits" not in model.requests[0].messages[-1].content
    _, first, second, _ = limits(model.requests)
    assert first is not None
    assert second is not None
    assert 0 <= first - second <= 1


async def test_without_a_plan_that_can_be_read_it_thinks_plainly(ledger: Ledger) -> None:
    subject, model = agent(
        ["I would rather not.", "so\nAnswer: 2"], ledger, HELD, reasoning=PlanAndBudget()
    )
    result = await subject.run(TASK, mode="reason")
    assert result.output == "2"
    assert limits(model.requests) == [409, 1_024 - 5]


async def test_a_cap_among_the_parts_ends_in_an_answer(ledger: Ledger) -> None:
    script = [plan(("a?", [], 1), ("b?", [1], 1), ("c?", [2], 1)), "a is 1", "Answer: 2"]
    subject, model = agent(script, ledger, HELD, reasoning=PlanAndBudget(), budget=Budget(steps=2))
    result = await subject.run(TASK, mode="reason")
    assert (result.output, result.limit, result.steps) == ("2", "steps", 2)
    assert model.requests[2].messages[-2].content == "a is 1"


async def test_outline_then_solve(ledger: Ledger) -> None:
    subject, model = agent(
        ["count them", "5\nAnswer: 5"], ledger, mode="reason", reasoning=Outline()
    )
    result = await subject.run(TASK)
    assert (result.output, result.steps) == ("5", 1)
    assert "Outline:\ncount them" in model.requests[1].messages[-1].content
    assert limits(model.requests) == [256, 1_024 - 3]
    assert [r["purpose"] for r in rows(ledger, result)] == ["plan", "reason"]


CUT = plan(("a?", [], 20), ("b?", [1], 80))[:-20]


READ: list[tuple[str, list[str], list[list[int]]]] = [
    (plan(("a?", [], 2), ("b?", [1], 1)), ["a?", "b?"], [[], [0]]),
    ("```json\n" + plan(("a?", [], 2), ("b?", [1], 1)) + "\n```", ["a?", "b?"], [[], [0]]),
    (CUT, ["a?", "b?"], [[], []]),
    ("1. a?\n2. b?\n3) c?", ["a?", "b?", "c?"], [[], [0], [0, 1]]),
    (plan(("a?", [2, 7, 0], 1), ("b?", [2], 1)), ["a?", "b?"], [[], []]),
    ('{"parts": [{"question": "a?"}, {"question": "b?"}]}', ["a?", "b?"], [[], [0]]),
    ('{"parts": [{"question": "a?"}, {"question": " "}, 7]}', [], []),
    ('{"parts": "none"}', [], []),
    ("Let me think.", [], []),
    ("", [], []),
]


@pytest.mark.parametrize(("text", "questions", "needs"), READ)
def test_reading_sub_questions(text: str, questions: list[str], needs: list[list[int]]) -> None:
    parts = sub_questions.read(text)
    assert [part.question for part in parts] == questions
    assert [sorted(part.needs) for part in parts] == needs


NO_NEEDS: tuple[str, list[int], int] = ("q?", [], 1)


def test_more_than_five_are_cut_off() -> None:
    assert len(sub_questions.read(plan(*[NO_NEEDS] * 9))) == 5


WAVES: list[tuple[list[list[int]], list[list[int]]]] = [
    ([[], []], [[0], [1]]),
    ([[], [], [1, 2]], [[0, 1], [2]]),
    ([[], [1], [1], [2, 3], []], [[0], [1, 2], [3], [4]]),
]


@pytest.mark.parametrize(("needs", "expected"), WAVES)
def test_waves(needs: list[list[int]], expected: list[list[int]]) -> None:
    parts = [("q?", n, 1) for n in needs]
    assert sub_questions.waves(sub_questions.read(plan(*parts))) == expected


async def test_a_vote_ends_once_an_answer_leads_by_two(ledger: Ledger) -> None:
    script = ["so\nAnswer: 2", "so\nAnswer: **2.**", "never asked"]
    subject, model = agent(script, ledger, mode="reason", reasoning=Vote(), seed=7)
    result = await subject.run(TASK)
    assert (result.output, result.steps) == ("2", 2)
    sent = [(request.temperature, request.seed) for request in model.requests]
    assert sent == [(0.0, 7), (0.7, 1)], "the first as the run samples"
    assert model.requests[0].messages == model.requests[1].messages, "none is told of another"
    assert len(result.messages) == 3


@pytest.mark.parametrize(
    ("said", "answer", "asked"),
    [
        (["Answer: 3", "Answer: 2", "Answer: 2", "Answer: 2", "x"], "2", 4),
        (["Answer: 3", "Answer: 2", "Answer: 4", "Answer: 5", "Answer: 2"], "2", 5),
        (["Maybe.\nAnswer: 3", "Answer: 2", "no", "no", "no"], "2", 5),
        (["Answer: $1,000", "Answer: 1000"], "1000", 2),
    ],
)
async def test_the_majority_wins_and_of_equals_the_less_doubtful(
    ledger: Ledger, said: list[str], answer: str, asked: int
) -> None:
    subject, model = agent(said, ledger, mode="reason", reasoning=Vote())
    result = await subject.run(TASK)
    assert (result.output, len(model.requests)) == (answer, asked)


async def test_a_vote_keeps_to_its_tokens(ledger: Ledger) -> None:
    thought = "step " * 40 + "\nAnswer: 2"
    script = [thought, "Answer: 3", "Answer: 3", "Answer: 3"]
    subject, model = agent(script, ledger, mode="reason", reasoning=Within(Vote(), 60))
    result = await subject.run(TASK)
    assert result.output == "3"
    assert [one for one in limits(model.requests) if one is not None][1] < 60


@pytest.mark.parametrize("credit", ["1e999", "Infinity", "NaN", "1" + "0" * 400, "-5", '"9"'])
async def test_credits_that_no_sum_can_hold_end_no_run(credit: str, ledger: Ledger) -> None:
    planned = plan(("a?", [], 7), ("b?", [1], 50)).replace('"credits": 7', f'"credits": {credit}')
    script = [planned, "a is 1", "Answer: 2"]
    subject, _ = agent(script, ledger, HELD, mode="reason", reasoning=PlanAndBudget())
    assert (await subject.run(TASK)).output == "2"
