"""A run that a larger model begins or takes over: one bill, each call at its own price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import ANSWER, NATIVE, SCHEMA, SEARCH, rows, searching

from lean_agent import Agent, Budget, Ledger
from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.gate import GateDecision, Signals, Way
from lean_agent.ledger.outcomes import RunDid
from lean_agent.messages import Message, ToolCall
from lean_agent.model import ModelCard, ModelResponse, TokenLogprob
from lean_agent.models.pricing import PriceTable
from lean_agent.models.scripted import ScriptedModel
from lean_agent.usage import Usage

SMALL, LARGE = "scripted:small", "scripted:large"
TASK = "Search at what temperature gallium melts."
SORRY = "I'm sorry, I cannot say."
TELLING = ModelCard(action_format="schema", self_hosted=True, logprobs=True)


class Going:
    def __init__(self, way: Way) -> None:
        self.way = way

    def decide(self, signals: Signals) -> GateDecision:
        return GateDecision(way=self.way, reason="told to")


def two(
    small: list[Any], large: list[Any], ledger: Ledger, card: ModelCard = SCHEMA, **more: Any
) -> tuple[Agent, ScriptedModel, ScriptedModel]:
    first = ScriptedModel(small, name=SMALL, card=more.pop("first", SCHEMA))
    second = ScriptedModel(large, name=LARGE, card=card)
    return Agent(model=first, cascade=[second], ledger=ledger, **more), first, second


@pytest.fixture
def prices(tmp_path: Path) -> PriceTable:
    """A dollar a token of the small model's prompts, ten of the large one's."""
    table = tmp_path / "prices.toml"
    table.write_text(
        f'[models."{SMALL}"]\ninput = "1000000"\noutput = "0"\n'
        f'[models."{LARGE}"]\ninput = "10000000"\noutput = "0"\n'
    )
    return PriceTable(table)


async def test_the_gate_may_begin_with_the_larger_model(ledger: Ledger, prices: PriceTable) -> None:
    gate = Going(Way(mode="instant", model=LARGE))
    subject, small, large = two([], ["29.8"], ledger, gate=gate, prices=prices)
    result = await subject.run(TASK)
    assert (result.output, small.requests) == ("29.8", [])
    assert [row["model"] for row in rows(ledger, result)] == ["large"]
    assert result.usage.cost == 10 * await large.count_tokens(large.requests[0].messages, ())
    did = RunDid.of(SMALL, result)
    assert did is not None
    assert did.model == LARGE


async def test_the_larger_model_goes_on_where_the_smaller_is_unsure(
    ledger: Ledger, prices: PriceTable
) -> None:
    guess = ModelResponse(
        message=Message("assistant", "30"),
        usage=Usage(input_tokens=7, output_tokens=1),
        finish_reason="stop",
        model=SMALL,
        logprobs=(TokenLogprob("30", -2.0),),
    )
    way = Way(mode="instant", then="reason", sure=0.5, model=SMALL, then_model=LARGE)
    subject, small, large = two(
        [guess], ["Answer: 29.8"], ledger, first=TELLING, gate=Going(way), prices=prices
    )
    result = await subject.run(TASK)
    assert (result.output, result.mode, result.steps) == ("29.8", "reason", 2)
    assert f"going on with {LARGE}" in result.mode_reason
    assert [row["model"] for row in rows(ledger, result)] == ["small", "large"]
    asked = await large.count_tokens(large.requests[0].messages, ())
    assert result.usage.cost == 7 + 10 * asked
    assert len(small.requests) == 1
    assert RunDid.of(SMALL, result) is None, "nobody's own way"


@pytest.mark.parametrize("card", [SCHEMA, NATIVE])
async def test_what_was_found_is_kept_where_the_larger_model_goes_on(
    ledger: Ledger, card: ModelCard
) -> None:
    script = [ANSWER, "29.8"] if card is SCHEMA else ["29.8"]
    subject, small, large = two([SEARCH, ANSWER, SORRY], script, ledger, card, tools=[searching()])
    result = await subject.run(TASK)
    assert (result.output, result.exit_status, result.mode) == ("29.8", "completed", "agent")
    assert "it declines to answer; going on with scripted:large" in result.mode_reason
    last, first = small.requests[-1].messages, large.requests[0].messages
    assert first[: len(last)] == last, "the evidence, byte for byte"
    assert any("it melts at 29.8" in message.content for message in first)
    assert (result.tool_calls, len(small.requests)) == (1, 3)
    assert RunDid.of(SMALL, result) is None


async def test_the_largest_models_answer_is_the_last(ledger: Ledger) -> None:
    thought = f"Answer: {SORRY}"
    subject, _, _ = two([SORRY, thought], [thought], ledger)
    result = await subject.run("x")
    assert (result.output, result.mode, result.steps) == (SORRY, "reason", 3)
    assert "it declines to answer" in result.notices[-1]


async def test_a_forced_mode_stays_with_the_first_model(ledger: Ledger) -> None:
    subject, _, large = two([SORRY], [], ledger)
    result = await subject.run("x", mode="instant")
    assert (result.output, large.requests) == (SORRY, [])


async def test_a_larger_model_stands_in_for_one_that_fails(ledger: Ledger) -> None:
    subject, _, _ = two([ModelError("gone", status=410)], ["29.8"], ledger)
    assert (await subject.run("x")).output == "29.8"


async def test_a_resumed_run_goes_on_with_the_model_that_it_had_come_to(
    ledger: Ledger, tmp_path: Path
) -> None:
    tin = SEARCH.replace("gallium", "tin")
    subject, small, large = two(
        [SEARCH, ANSWER, SORRY],
        [tin, "so far 29.8", ANSWER, "29.8 and 231.9"],
        ledger,
        tools=[searching()],
        checkpoints=tmp_path / "checkpoints.sqlite",
    )
    first = await subject.run(TASK, budget=Budget(steps=5))
    assert (first.output, first.limit) == ("so far 29.8", "steps")
    second = await subject.resume(first.run_id, budget=Budget(steps=9))
    assert (second.output, second.exit_status) == ("29.8 and 231.9", "completed")
    assert (len(small.requests), len(large.requests)) == (3, 4)
    models = [row["model"] for row in rows(ledger, second)]
    assert models == ["small"] * 3 + ["large"] * 4


async def test_a_native_call_of_the_larger_model_is_run(ledger: Ledger) -> None:
    call = Message("assistant", "", (ToolCall("call_1", "search", {"query": "tin"}),))
    gate = Going(Way(mode="agent", model=LARGE))
    subject, _, large = two([], [call, "231.9"], ledger, NATIVE, tools=[searching()], gate=gate)
    assert (await subject.run(TASK)).output == "231.9"
    assert "search" in {spec.name for spec in large.requests[0].tools}


def test_what_cannot_be_is_refused(ledger: Ledger) -> None:
    one, other = ScriptedModel([], name=SMALL), ScriptedModel([], name=LARGE)
    with pytest.raises(ConfigurationError, match="a list of models and a cascade"):
        Agent(model=[one], cascade=[other])
    with pytest.raises(ConfigurationError, match="two models of the cascade have one name"):
        Agent(model=one, cascade=[one])
    subject = Agent(
        model=one, cascade=[other], ledger=ledger, gate=Going(Way(mode="instant", model="x:y"))
    )
    with pytest.raises(ConfigurationError, match="none of this agent's models"):
        subject.run_sync("x")
