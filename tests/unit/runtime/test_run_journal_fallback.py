"""Answers of a model that stood in for another, where the run was cut off before its next node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import NATIVE, Hanging

from lean_agent import Agent, Ledger, Message
from lean_agent.errors import ModelError
from lean_agent.model import ModelCard, ModelRequest
from lean_agent.models.scripted import ScriptedModel
from lean_agent.reasoning import ANSWER_MARK, Ask, Problem


class Twice:
    """Asks the same twice, and then which it is."""

    most_calls = 3

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        asked = Message("user", problem.task)
        request = ModelRequest(messages=(*problem.earlier, asked))
        one, other = await ask(request), await ask(request)
        last = Message("user", f"{one.message.content} or {other.message.content}?")
        response = await ask(ModelRequest(messages=(*problem.earlier, last)), last=True)
        return last, response.message


@pytest.mark.slow
async def test_what_was_paid_for_is_not_asked_of_the_model_that_is_back(
    ledger: Ledger, tmp_path: Path
) -> None:
    never = Hanging()

    def models(one: Sequence[Any], other: Sequence[Any]) -> list[ScriptedModel]:
        return [ScriptedModel(one, "first:m", NATIVE), ScriptedModel(other, "second:m", NATIVE)]

    def made(*given: ScriptedModel) -> Agent[str]:
        path = tmp_path / "runs.sqlite"
        return Agent(model=given, reasoning=Twice(), mode="reason", ledger=ledger, checkpoints=path)

    subject = made(*models([ModelError("the wires are cut")], ["one", never]))
    run = asyncio.ensure_future(subject.run("which?"))
    await never.begun.wait()
    run.cancel()
    await asyncio.wait({run})
    (run_id,) = {row["run_id"] for row in _rows(ledger)}

    back, other = models(["two", f"{ANSWER_MARK} one"], [])
    result = await made(back, other).resume(run_id)
    assert (result.exit_status, result.output) == ("completed", "one")
    assert [request.messages[-1].content for request in back.requests] == ["which?", "one or two?"]


@pytest.mark.slow
async def test_what_one_model_said_to_a_probe_says_nothing_of_another(
    ledger: Ledger, tmp_path: Path
) -> None:
    never = Hanging()

    def look(name: str) -> str:
        """Look."""
        return name

    def made(one: Sequence[Any], other: Sequence[Any]) -> tuple[Agent[str], ScriptedModel]:
        first = ScriptedModel(one, "first:m", ModelCard(self_hosted=True))
        second = ScriptedModel(other, "second:m", ModelCard(self_hosted=True))
        path = tmp_path / "runs.sqlite"
        subject = Agent(
            model=[first, second], mode="agent", tools=[look], ledger=ledger, checkpoints=path
        )
        return subject, first

    subject, _ = made([ModelError("the wires are cut")], ["no call at all", never])
    run = asyncio.ensure_future(subject.run("x"))
    await never.begun.wait()
    run.cancel()
    await asyncio.wait({run})
    (run_id,) = {row["run_id"] for row in _rows(ledger)}

    subject, first = made(["neither"] * 3 + ["29.8"], [])
    assert (await subject.resume(run_id)).output == "29.8"
    assert [bool(request.tools) for request in first.requests] == [True, False, False, False]


def _rows(ledger: Ledger) -> list[dict[str, Any]]:
    from lean_agent.ledger import queries

    return queries.runs(ledger.folder)
