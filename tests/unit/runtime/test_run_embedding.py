"""What tools embed during a run is the run's expense."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.embedding import TrigramEmbedder
from support.scripted_runs import ANSWER, SCHEMA, SEARCH, agent

from lean_agent import Agent, Budget, Ledger, RunContext, Tool, tool
from lean_agent.embedder import Embedded
from lean_agent.errors import ModelError
from lean_agent.ledger import queries
from lean_agent.models.pricing import PriceTable
from lean_agent.models.scripted import ScriptedModel
from lean_agent.result import RunResult
from lean_agent.usage import Usage

HERE = "local:test"
HOSTED = "openai:embed"


def embedding_tool(embedder: TrigramEmbedder) -> Tool:
    @tool
    async def search(query: str, ctx: RunContext) -> str:
        """Search.

        Args:
            query: What for.
        """
        made = await ctx.embed(embedder, [query])
        return f"{made.vectors.shape} at {made.usage.cost}"

    return search


class Failing(TrigramEmbedder):
    def __init__(self, error: Exception, name: str = HERE) -> None:
        super().__init__(name)
        self.error = error

    async def embed(self, texts: Sequence[str]) -> Embedded:
        raise self.error


class Hanging(TrigramEmbedder):
    async def embed(self, texts: Sequence[str]) -> Embedded:
        await asyncio.sleep(60)
        return await super().embed(texts)


def embeddings(ledger: Ledger, result: RunResult) -> list[dict[str, Any]]:
    rows = queries.show(ledger.folder, result.run_id)
    return [row for row in rows if row["operation"] == "embeddings"]


def prices(folder: Path, text: str) -> PriceTable:
    file = folder / "prices.toml"
    file.write_text(text)
    return PriceTable(file)


async def searched(
    ledger: Ledger, embedder: TrigramEmbedder, *script: str, **more: Any
) -> tuple[RunResult, ScriptedModel]:
    subject, model = agent(
        [*(script or (SEARCH, ANSWER)), "29.8"], ledger, tools=[embedding_tool(embedder)], **more
    )
    return await subject.run("x", mode="agent"), model


async def test_it_is_an_entry_and_in_the_usage_and_no_step(ledger: Ledger) -> None:
    result, _ = await searched(ledger, TrigramEmbedder(HERE))
    (row,) = embeddings(ledger, result)
    assert (row["purpose"], row["step"], row["mode"]) == ("embed", 1, "agent")
    assert (row["provider"], row["model"], row["state"]) == ("local", "test", "closed")
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (1, 0, 0)
    assert row["provenance"] == "self_hosted"
    assert row["parent_id"] == result.run_id
    entries = queries.show(ledger.folder, result.run_id)
    assert sum(e["input_tokens"] for e in entries) == result.usage.input_tokens
    assert (result.steps, result.tool_calls) == (3, 1)
    assert result.trajectory[0].observation == "(1, 64) at 0"


async def test_a_hosted_one_is_charged_by_its_price(ledger: Ledger, tmp_path: Path) -> None:
    table = prices(tmp_path, f'[models."{HOSTED}"]\ninput = "1000000"\noutput = "0"\n')
    result, _ = await searched(ledger, TrigramEmbedder(HOSTED), prices=table)
    (row,) = embeddings(ledger, result)
    assert (row["cost"], row["list_cost"], row["provenance"]) == (1, 1, "measured")
    assert result.usage.cost == Decimal(1)


async def test_a_machine_by_the_hour_is_charged_its_time(ledger: Ledger, tmp_path: Path) -> None:
    table = prices(tmp_path, f'[machines."{HERE}"]\nusd_per_hour = "3600"\n')
    result, _ = await searched(ledger, TrigramEmbedder(HERE), prices=table)
    (row,) = embeddings(ledger, result)
    assert 0 < row["cost"] <= Decimal(repr(row["seconds"])) + Decimal("0.001")


async def test_an_unpriced_hosted_one_is_never_free(ledger: Ledger) -> None:
    result, _ = await searched(ledger, TrigramEmbedder(HOSTED))
    (row,) = embeddings(ledger, result)
    assert (row["cost"], row["provenance"]) == (None, "unpriced")
    assert result.usage.cost is None


async def test_under_a_dollar_cap_an_unpriced_one_is_not_sent(ledger: Ledger) -> None:
    embedder = TrigramEmbedder(HOSTED)
    result, _ = await searched(ledger, embedder, budget=Budget(usd=1))
    assert embedder.asked == []
    assert embeddings(ledger, result) == []
    assert "openai:embed, whose price is unknown" in result.trajectory[0].observation
    assert (result.exit_status, result.usage.cost) == ("completed", 0)


async def test_a_cap_holds_before_anything_is_sent(ledger: Ledger, tmp_path: Path) -> None:
    table = prices(tmp_path, f'[models."{HOSTED}"]\ninput = "1000000"\noutput = "0"\n')
    embedder = TrigramEmbedder(HOSTED)
    result, _ = await searched(ledger, embedder, budget=Budget(usd=5), prices=table)
    assert embedder.asked == []
    assert "usd limit reached" in result.trajectory[0].observation
    assert result.usage.cost == 0


async def test_tokens_that_are_not_left_are_not_sent(ledger: Ledger) -> None:
    embedder = TrigramEmbedder(HERE)
    long = SEARCH.replace("gallium", "gallium " * 110)
    result, _ = await searched(ledger, embedder, long, ANSWER, budget=Budget(tokens=2_200))
    assert embedder.asked == []
    assert "tokens limit reached" in result.trajectory[0].observation
    assert result.usage.total_tokens <= 2_200


@pytest.mark.parametrize(("paid", "tokens"), [(None, 0), (Usage(input_tokens=7, cost=None), 7)])
async def test_a_failure_is_charged_what_was_paid(
    ledger: Ledger, paid: Usage | None, tokens: int
) -> None:
    embedder = Failing(ModelError("the server is down", model=HERE, usage=paid))
    result, _ = await searched(ledger, embedder)
    (row,) = embeddings(ledger, result)
    assert (row["error_type"], row["input_tokens"]) == ("model", tokens)
    assert result.trajectory[0].observation == "Error: the server is down"
    assert result.exit_status == "completed"


@pytest.mark.slow
async def test_one_that_is_cut_off_is_charged_by_estimate(ledger: Ledger) -> None:
    subject, _ = agent([SEARCH], ledger, tools=[embedding_tool(Hanging(HERE))])
    run = asyncio.ensure_future(subject.run("x", mode="agent"))
    await asyncio.sleep(0.3)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (found,) = queries.runs(ledger.folder)
    rows = queries.show(ledger.folder, found["run_id"])
    (row,) = [row for row in rows if row["operation"] == "embeddings"]
    assert (row["state"], row["error_type"]) == ("closed", "cancelled")
    assert row["input_tokens"] == 3, "a third of 'gallium', rounded up"
    assert "estimated" in row["provenance"]


@pytest.mark.slow
async def test_an_hour_that_a_dollar_cap_ends_stops_the_embedder(
    ledger: Ledger, tmp_path: Path
) -> None:
    table = prices(tmp_path, f'[machines."{HERE}"]\nusd_per_hour = "3600"\n')
    embedder = Hanging(HERE)
    result, _ = await searched(ledger, embedder, budget=Budget(usd="0.9"), prices=table)
    assert "usd limit reached" in result.trajectory[0].observation
    assert result.usage.cost is not None
    assert result.usage.cost < Decimal("0.9")


async def test_a_resumed_run_counts_what_was_embedded(ledger: Ledger, tmp_path: Path) -> None:
    more: dict[str, Any] = {"checkpoints": tmp_path / "kept.sqlite", "budget": Budget(steps=2)}
    result, _ = await searched(ledger, TrigramEmbedder(HERE), SEARCH, **more)
    assert result.exit_status == "limit_exceeded"
    model = ScriptedModel([ANSWER, "29.8"], card=SCHEMA)
    later = Agent(model=model, ledger=ledger, checkpoints=more["checkpoints"])
    resumed = await later.resume(result.run_id, budget=Budget(steps=6))
    entries = queries.show(ledger.folder, result.run_id)
    assert sum(e["input_tokens"] for e in entries) == resumed.usage.input_tokens


async def test_outside_a_run_an_embedder_is_simply_asked() -> None:
    embedder = TrigramEmbedder()
    made = await RunContext().embed(embedder, ["tin"])
    assert made.vectors.shape == (1, 64)


async def test_a_request_says_how_far_its_run_is(ledger: Ledger) -> None:
    result, model = await searched(ledger, TrigramEmbedder(HERE))
    progress = [request.run for request in model.requests]
    assert [p.retrievals for p in progress if p] == [0, 1, 1]
    assert {p.run_id for p in progress if p} == {result.run_id}
    assert len({p.began for p in progress if p}) == 1


class Slotted(ScriptedModel):
    free = 0

    def free_slots(self) -> int:
        return self.free


@pytest.mark.parametrize(("free", "told"), [(0, "False"), (1, "True"), (None, "True")])
async def test_a_tool_can_ask_whether_the_model_is_free(
    ledger: Ledger, free: int | None, told: str
) -> None:
    @tool
    def search(query: str, ctx: RunContext) -> str:
        """Search.

        Args:
            query: What for.
        """
        del query
        return str(ctx.model_is_free())

    script = [SEARCH, ANSWER, "29.8"]
    model = ScriptedModel(script, card=SCHEMA)
    if free is not None:
        model = Slotted(script, card=SCHEMA)
        model.free = free
    subject = Agent(model=model, ledger=ledger, tools=[search])
    result = await subject.run("x", mode="agent")
    assert result.trajectory[0].observation == told
