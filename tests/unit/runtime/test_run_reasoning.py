"""Reason mode with strategies of several calls, on a scripted model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from support.scripted_runs import agent, rows

from lean_agent import Budget, Ledger, Message, ModelRequest
from lean_agent.errors import ConfigurationError
from lean_agent.events import RunFinished, Token
from lean_agent.reasoning import Ask, Problem

LONG = "one two three four five six seven eight nine ten eleven twelve " * 40


def asked(problem: Problem, text: str, tokens: int = 50) -> ModelRequest:
    messages = (*problem.earlier, Message("user", f"{problem.task} {text}"))
    return ModelRequest(messages=messages, max_output_tokens=tokens)


class Two:
    """Plans, then thinks."""

    most_calls = 2

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        plan = await ask(asked(problem, "plan"), purpose="plan")
        request = asked(problem, f"think: {plan.message.content}")
        response = await ask(request, last=True)
        return request.messages[-1], response.message


@dataclass
class Beside:
    """Asks two things at once, then joins them."""

    together: asyncio.Barrier
    most_calls: int = 3

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        parts = await asyncio.gather(*(ask(asked(problem, word)) for word in ("left", "right")))
        found = " and ".join(part.message.content for part in parts)
        last = asked(problem, found)
        response = await ask(last, last=True)
        return last.messages[-1], response.message


async def test_a_plan_is_charged_but_is_no_step(ledger: Ledger) -> None:
    subject, model = agent(["a, b", "so\nAnswer: 7"], ledger, mode="reason", reasoning=Two())
    result = await subject.run("how many?")
    assert (result.output, result.steps, result.exit_status) == ("7", 1, "completed")
    assert [r["purpose"] for r in rows(ledger, result)] == ["plan", "reason"]
    assert result.usage.output_tokens == sum(r["output_tokens"] for r in rows(ledger, result))
    assert [m.role for m in result.messages] == ["system", "user", "assistant"]
    assert model.requests[1].messages == result.messages[:-1]


async def test_a_thought_without_an_answer_is_asked_for_it(ledger: Ledger) -> None:
    subject, model = agent(["a, b", "so it is", "Answer: 7"], ledger, reasoning=Two())
    result = await subject.run("how many?", mode="reason")
    assert (result.output, result.steps) == ("7", 2)
    assert model.requests[2].messages[:-1] == result.messages[:3]


async def test_calls_side_by_side_are_each_charged_for_their_own_text(ledger: Ledger) -> None:
    barrier = asyncio.Barrier(2)

    async def met(request: ModelRequest) -> str:
        async with asyncio.timeout(5):
            await barrier.wait()
        return "left" * 10 if "left" in request.messages[-1].content else "right" * 20

    subject, _ = agent(
        [met, met, "Answer: both"],
        ledger,
        reasoning=Beside(barrier),
    )
    shown: list[str] = []
    result = None
    async for event in subject.stream("which?", mode="reason"):
        if isinstance(event, Token) and event.channel == "reasoning":
            shown.append(event.text)
        elif isinstance(event, RunFinished):
            result = event.result
    assert result is not None
    assert (result.output, result.steps) == ("both", 3)
    written = sorted(r["output_tokens"] for r in rows(ledger, result))
    assert written == [3, 10, 25]
    assert "".join(shown) == "left" * 10 + "Answer: both", "one of the two can be read along"


async def test_a_cap_in_the_middle_ends_in_an_answer_from_what_stands(ledger: Ledger) -> None:
    subject, model = agent(
        ["a", "b", "Answer: 7"],
        ledger,
        reasoning=Beside(asyncio.Barrier(1)),
        budget=Budget(steps=2),
    )
    result = await subject.run("how many?", mode="reason")
    assert (result.output, result.limit, result.steps) == ("b", "steps", 2)
    assert "Stop thinking" in model.requests[1].messages[-1].content
    assert model.requests[1].messages[-2].content == "a"


async def test_where_what_stands_does_not_fit_the_task_alone_is_asked(ledger: Ledger) -> None:
    subject, model = agent([LONG, "Answer: 7"], ledger, reasoning=Two(), budget=Budget(tokens=146))
    result = await subject.run("how many?", mode="reason")
    assert (result.output, result.exit_status, result.limit) == ("7", "limit_exceeded", "tokens")
    assert "step by step" in model.requests[1].messages[-1].content
    assert result.usage.total_tokens <= 146


async def test_a_cap_before_anything_answers_from_the_slice(ledger: Ledger) -> None:
    subject, model = agent(
        ["Answer: 7"], ledger, reasoning=Beside(asyncio.Barrier(1)), budget=Budget(steps=1)
    )
    result = await subject.run("how many?", mode="reason")
    assert (result.output, result.limit, result.steps) == ("7", "steps", 1)
    assert "step by step" in model.requests[0].messages[-1].content


async def test_repeating_is_stopped_and_the_answer_asked_for(ledger: Ledger) -> None:
    subject, model = agent([LONG, "Answer: 7"], ledger, mode="reason", reasoning="plain+early-stop")
    result = await subject.run("how many?")
    assert (result.output, result.exit_status, result.notices) == ("7", "completed", ())
    first, second = rows(ledger, result)
    assert (first["finish_reason"], second["finish_reason"]) == ("early_stop", "stop")
    said = result.messages[2].content
    assert LONG.startswith(said)
    assert 3 * 12 <= len(said.split()) < 60
    assert first["output_tokens"] == -(-len(said) // 4), "what was written is charged"
    assert len(model.requests) == 2


async def test_a_budget_of_its_own(ledger: Ledger) -> None:
    subject, model = agent([LONG, "Answer: 7"], ledger, mode="reason", reasoning="plain@40")
    result = await subject.run("how many?")
    assert (result.output, result.exit_status) == ("7", "completed")
    assert model.requests[0].max_output_tokens == 40


@pytest.mark.parametrize("name", ["clever", "plain@", "plain@0", "plain+stop", ""])
def test_an_unknown_name_is_refused(name: str, ledger: Ledger) -> None:
    with pytest.raises(ConfigurationError, match="reason"):
        agent([], ledger, reasoning=name)
