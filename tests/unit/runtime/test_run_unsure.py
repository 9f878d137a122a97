"""What follows an instant answer that the gate was told to doubt."""

from __future__ import annotations

import pytest
from support.scripted_runs import ANSWER, SEARCH, rows, said, searching

from lean_agent import Agent, Budget, Ledger
from lean_agent.gate import GateDecision, Signals, Way
from lean_agent.model import ModelCard
from lean_agent.models.scripted import ScriptedModel

CARD = ModelCard(action_format="schema", self_hosted=True, logprobs=True)


class GoingOn:
    """Instant, and the agent below a confidence of one half."""

    def decide(self, signals: Signals) -> GateDecision:
        mode = "instant" if signals.forced == "auto" else signals.forced
        return GateDecision(way=Way(mode=mode, then="agent", sure=0.5), reason="told to")


def agent(model: ScriptedModel, ledger: Ledger) -> Agent:
    return Agent(model=model, ledger=ledger, tools=[searching([])], gate=GoingOn())


async def test_a_sure_answer_stands(ledger: Ledger) -> None:
    model = ScriptedModel([said("Canberra.", -0.1, -0.2)], card=CARD)
    result = await agent(model, ledger).run("What is the capital of Australia?")
    assert (result.output, result.mode, result.steps) == ("Canberra.", "instant", 1)
    assert result.confidence == pytest.approx(0.861, abs=0.001)
    assert result.decision["then"] == "agent"
    assert model.requests[0].top_logprobs == 1


@pytest.mark.parametrize("logprobs", [(-2.0, -3.0), ()])
async def test_a_guess_is_dropped_and_the_agent_begins_anew(
    ledger: Ledger, logprobs: tuple[float, ...]
) -> None:
    script = [said("Sydney.", *logprobs), SEARCH, said("29.8 degrees", -0.01)]
    model = ScriptedModel(script, card=CARD)
    result = await agent(model, ledger).run("At what temperature does gallium melt?")
    assert (result.output, result.mode) == ("29.8 degrees", "agent")
    assert "unsure" in result.mode_reason
    # It was paid for, and it is not there to mislead.
    assert [row["purpose"] for row in rows(ledger, result)] == ["answer", "act", "draft"]
    assert all("Sydney" not in m.content for sent in model.requests[1:] for m in sent.messages)
    assert all("will not do" not in m.content for m in result.messages)


async def test_a_forced_mode_stays_whatever_the_confidence(ledger: Ledger) -> None:
    model = ScriptedModel([said("Sydney.", -9.0)], card=CARD)
    result = await agent(model, ledger).run("What is the capital of Australia?", mode="instant")
    assert (result.output, result.mode) == ("Sydney.", "instant")


async def test_a_model_without_log_probabilities_is_not_asked_for_them(ledger: Ledger) -> None:
    model = ScriptedModel(["Canberra."])
    result = await Agent(model=model, ledger=ledger).run("What is the capital of Australia?")
    assert model.requests[0].top_logprobs is None
    assert result.confidence is None


async def test_explain_says_the_same_and_spends_nothing(ledger: Ledger) -> None:
    model = ScriptedModel([])
    subject = Agent(model=model, ledger=ledger, tools=[searching([])])
    decision = await subject.explain("Search: at what temperature does gallium melt?")
    assert decision.mode == "agent"
    assert (await subject.explain("hello", mode="reason")).reason == "forced by the caller"
    assert model.requests == []


async def test_a_guess_stands_where_a_limit_leaves_nothing_else(ledger: Ledger) -> None:
    model = ScriptedModel([said("Sydney.", -2.0)], card=CARD)
    result = await agent(model, ledger).run("Capital of Australia?", budget=Budget(steps=1))
    assert (result.output, result.exit_status, result.limit) == (
        "Sydney.",
        "limit_exceeded",
        "steps",
    )


async def test_the_confidence_of_a_dropped_guess_is_not_the_answers(ledger: Ledger) -> None:
    script = [said("Sydney.", -2.0), ANSWER, "29.8"]
    model = ScriptedModel(script, card=CARD)
    result = await agent(model, ledger).run("At what temperature does gallium melt?")
    assert (result.output, result.confidence) == ("29.8", None)
