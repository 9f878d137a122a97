"""Metrics as the SDK's in-memory reader gets them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.telemetry import Watched, call, run_row, told, tool_row

from lean_agent.usage import Provenance, Usage

BIG = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "big",
}


def used(cost: str | None, *provenance: Provenance, **tokens: int) -> Usage:
    money = None if cost is None else Decimal(cost)
    return Usage(cost=money, provenance=frozenset(provenance), **tokens)


def test_tokens_by_kind(watched: Watched) -> None:
    for _ in range(3):
        watched.observe(call())
    by_kind = {
        point.attributes["gen_ai.token.type"]: (point.count, point.sum)
        for point in watched.points("gen_ai.client.token.usage")
    }
    assert by_kind == {"input": (3, 300), "output": (3, 30)}
    usage = "gen_ai.client.inference.usage"
    assert watched.value(f"{usage}.input_tokens") == 300
    assert watched.value(f"{usage}.cache_read.input_tokens") == 120
    assert watched.value(f"{usage}.output_tokens") == 30
    (point,) = watched.points(f"{usage}.output_tokens")
    assert dict(point.attributes) == BIG | {"gen_ai.token.modality": "text"}
    assert watched.points(f"{usage}.reasoning.output_tokens") == []


@pytest.mark.parametrize(
    "metric", ["gen_ai.client.operation.duration", "gen_ai.client.inference.duration"]
)
def test_seconds_with_errors_apart(metric: str, watched: Watched) -> None:
    watched.observe(call())
    watched.observe(call(seconds=0.5, usage=Usage(), error_type="rate_limit", attempt=1))
    plain, failed = sorted(watched.points(metric), key=lambda point: -point.sum)
    assert (plain.sum, dict(plain.attributes)) == (2.0, BIG)
    assert (failed.sum, dict(failed.attributes)) == (0.5, BIG | {"error.type": "rate_limit"})
    assert watched.value("gen_ai.client.inference.usage.input_tokens") == 100


def test_the_boundaries_are_those_of_the_conventions(watched: Watched) -> None:
    for entry in (call(), tool_row(), run_row()):
        watched.observe(entry)
    seconds = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96,
               81.92)  # fmt: skip
    expected: dict[str, tuple[float, ...]] = {
        "gen_ai.client.token.usage": (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576,
                                      4194304, 16777216, 67108864),
        "gen_ai.client.operation.duration": seconds,
        "gen_ai.client.inference.duration": seconds,
        "gen_ai.execute_tool.duration": seconds,
        "gen_ai.invoke_agent.duration": (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2,
                                         102.4, 204.8, 409.6),
    }  # fmt: skip
    for metric, boundaries in expected.items():
        assert watched.points(metric)[0].explicit_bounds == pytest.approx(boundaries), metric


def test_embeddings_are_operations_but_no_inference(watched: Watched) -> None:
    watched.observe(call(operation="embeddings", purpose="embed"))
    assert watched.value("gen_ai.client.operation.duration") == 2.0
    assert watched.points("gen_ai.client.inference.duration") == []
    assert watched.value("lean_agent.usage.cost", lean_agent__purpose="embed") == 0.01


def test_tools_and_runs(watched: Watched) -> None:
    watched.observe(tool_row())
    watched.observe(tool_row(error_type="tool"))
    watched.observe(run_row())
    watched.observe(run_row(finish_reason="failed"))
    tools = "gen_ai.execute_tool.duration"
    assert watched.value(tools, gen_ai__tool__name="search") == 0.5
    assert watched.value(tools, error__type="tool") == 0.25
    assert watched.value("gen_ai.invoke_agent.duration") == 6.0
    assert watched.value("gen_ai.invoke_agent.duration", error__type="failed") == 3.0
    assert watched.points("lean_agent.usage.cost") == []


def test_money_by_where_it_comes_from(watched: Watched) -> None:
    def spend(usage: Usage, **fields: Any) -> None:
        watched.observe(call(usage=usage, **fields))

    spend(used("0.25", "measured", input_tokens=1))
    spend(used("0.5", "estimated", input_tokens=1), purpose="judge")
    spend(used("0", "self_hosted", input_tokens=1), provider="local")
    spend(used(None, "unpriced", input_tokens=1))
    spend(used(None, "unpriced", input_tokens=1))
    cost = "lean_agent.usage.cost"
    assert watched.value(cost) == 0.75
    assert watched.value(cost, lean_agent__purpose="judge") == 0.5
    assert watched.value(cost, lean_agent__cost__provenance="estimated") == 0.5
    found = {point.attributes["lean_agent.cost.provenance"] for point in watched.points(cost)}
    assert found == {"measured", "estimated", "self_hosted"}, "an unknown cost is never a 0"
    assert watched.value("lean_agent.usage.unpriced_calls", gen_ai__request__model="big") == 2


def test_what_was_not_sent_counts_nowhere(watched: Watched) -> None:
    watched.observe(call(state="open"))
    watched.observe(call(usage=used("0", "served"), saved_tokens=110, finish_reason="served"))
    data = watched.reader.get_metrics_data()
    assert data is None or not data.resource_metrics
    (span,) = watched.spans
    assert (span.attributes or {})["lean_agent.usage.saved_tokens"] == 110


def test_what_a_tool_costs_by_itself_counts(watched: Watched) -> None:
    watched.observe(tool_row(usage=used("0.10", "estimated")))
    watched.observe(tool_row())
    assert watched.value("lean_agent.usage.cost", gen_ai__tool__name="search") == 0.10
    paid, free = watched.spans
    assert told(paid)["lean_agent.usage.cost"] == 0.10
    assert told(paid)["lean_agent.cost.provenance"] == "estimated"
    assert "lean_agent.usage.cost" not in told(free)
