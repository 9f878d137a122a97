"""Usage as each provider sends it, what it means, and what it costs at a stated price.

Each case of ``usage_cases`` names the place that shows or documents its format. Those of origin
"built from the documentation" have numbers of our own in the documented form.

A case with ``cut_off`` is a stream that is given up after these chunks. Its ``billing`` says what
the provider is known to bill then, or that nobody says; we charge the prompt and what had come.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.errors import ModelTimeoutError
from lean_agent.messages import Message
from lean_agent.model import Completed, ModelCard, ModelRequest, ModelResponse
from lean_agent.models import endpoints
from lean_agent.models.endpoints import Endpoint
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import list_cost, priced
from lean_agent.models.tokens import estimate_usage
from lean_agent.price import Price, Rate
from lean_agent.usage import Usage

FOLDER = Path(__file__).parent / "usage_cases"
ALL: list[dict[str, Any]] = [
    {"provider": path.stem, **case}
    for path in sorted(FOLDER.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]
CASES = [case for case in ALL if "cut_off" not in case]
CUT_OFF = [case for case in ALL if "cut_off" in case]
ASK = ModelRequest(messages=(Message("user", "2+2?"),))
MESSAGE = {"message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}


def price_of(case: dict[str, Any]) -> Price:
    rates = {name: Rate(Decimal(text)) for name, text in case["price"].items()}
    return Price(
        input=rates["input"],
        cached_input=rates.get("cached_input", rates["input"]),
        cache_write=rates.get("cache_write", rates["input"]),
        output=rates["output"],
        reference="the case's own",
    )


async def answer(server: FakeOpenAI, case: dict[str, Any], provider: str) -> ModelResponse:
    """What a client of ``provider`` makes of the case, over a real connection."""
    model = OpenAICompatibleModel(f"{provider}:test", base_url=server.url, api_key="k")
    try:
        if "chunks" not in case:
            server.say(Reply(body={**case["data"], "choices": [MESSAGE]}))
            return await model.generate(ASK)
        server.say(Reply(chunks=case["chunks"]))
        *_, last = [event async for event in model.stream(ASK)]
        assert isinstance(last, Completed)
        return last.response
    finally:
        await model.aclose()


def test_the_providers_that_must_be_there_are() -> None:
    providers = {"openai", "deepseek", "openrouter", "llama_cpp"}
    assert {case["provider"] for case in CASES} >= providers
    assert {case["provider"] for case in CUT_OFF} >= providers
    assert all(case["source"] for case in ALL)
    assert all(case["billing"] for case in CUT_OFF)


@pytest.mark.parametrize("case", CASES, ids=[f"{c['provider']}: {c['case']}" for c in CASES])
async def test_a_usage_is_read_and_priced_as_the_provider_bills_it(
    server: FakeOpenAI, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = case["expected"]
    response = await answer(server, case, "anybody")
    usage = response.usage
    assert usage == Usage(
        input_tokens=expected["input"],
        output_tokens=expected["output"],
        cache_read_input_tokens=expected.get("read", 0),
        cache_creation_input_tokens=expected.get("written", 0),
        reasoning_output_tokens=expected.get("reasoning", 0),
        cost=None,
    )
    assert not response.usage_estimated
    price = price_of(case)
    listed = priced(usage, price=price, card=ModelCard(), seconds=0.0, estimated=False)
    assert listed.cost == Decimal(case["cost"])
    assert listed.provenance == {"measured"}
    if "billed" not in case:
        return

    # The same answer from an address whose bills count.
    ours = Endpoint(base_url=server.url, bills=True)
    monkeypatch.setitem(endpoints.ENDPOINTS, "openrouter", ours)
    usage = (await answer(server, case, "openrouter")).usage
    billed = priced(usage, price=price, card=ModelCard(), seconds=0.0, estimated=False)
    assert list_cost(usage, price, 0.0) == Decimal(case["cost"])
    assert billed.cost == Decimal(case["billed"] or case["cost"])
    assert billed.provenance == {"measured"}


@pytest.mark.parametrize("case", CUT_OFF, ids=[f"{c['provider']}: {c['case']}" for c in CUT_OFF])
async def test_a_stream_that_was_cut_off_is_charged_for_what_had_come(
    server: FakeOpenAI, case: dict[str, Any]
) -> None:
    model = OpenAICompatibleModel("anybody:test", base_url=server.url, api_key="k")
    server.say(Reply(chunks=case["cut_off"], fault="stall"))
    with pytest.raises(ModelTimeoutError) as caught:
        async for _event in model.stream(replace(ASK, timeout=0.3)):
            pass
    await model.aclose()
    usage, expected, price = caught.value.usage, case["expected"], price_of(case)
    assert usage is not None
    counted = "input" in expected
    assert usage == Usage(
        input_tokens=expected["input"] if counted else estimate_usage(ASK, "").input_tokens,
        cache_read_input_tokens=expected.get("read", 0),
        output_tokens=expected["output"],
        cost=None,
        provenance=frozenset() if counted else frozenset({"estimated"}),
    )
    done = priced(usage, price=price, card=ModelCard(), seconds=0.3, estimated=not counted)
    assert done.cost == (
        usage.uncached_input_tokens * price.input.base
        + usage.cache_read_input_tokens * price.cached_input.base
        + usage.output_tokens * price.output.base
    ) / Decimal(10**6)
    assert done.provenance == {"measured" if counted else "estimated"}


@pytest.mark.parametrize(
    ("base_url", "counts"),
    [
        ("https://openrouter.ai/api/v1", True),
        ("https://OpenRouter.ai/api/v1/", True),
        ("http://openrouter.ai/api/v1", False),
        ("https://openrouter.ai.proxy.example/api/v1", False),
        ("https://proxy.example/https://openrouter.ai/api/v1", False),
        ("https://api.openai.com/v1", False),
        ("http://localhost:8000/v1", False),
    ],
)
def test_whose_bills_count(base_url: str, counts: bool) -> None:
    assert endpoints.bills(base_url) is counts


@pytest.mark.parametrize("cost", [0, -1, True, "0", None, float("nan"), float("inf"), {}])
async def test_a_server_of_any_other_address_cannot_declare_itself_free(
    server: FakeOpenAI, cost: Any
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 0, "cost": cost, "is_byok": False}
    case = {"data": {"usage": usage}, "price": {"input": "1", "output": "1"}}
    response = await answer(server, case, "openrouter")
    assert response.usage.cost is None
    done = priced(
        response.usage, price=price_of(case), card=ModelCard(), seconds=0.0, estimated=False
    )
    assert done.cost == Decimal("0.001")
    done = priced(response.usage, price=None, card=ModelCard(), seconds=0.0, estimated=False)
    assert done.cost is None
    assert done.provenance == {"unpriced"}


@pytest.mark.parametrize("cost", [-1, True, "0", None, float("nan"), float("inf"), {}])
async def test_a_bill_that_is_no_amount_is_none(
    server: FakeOpenAI, cost: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Endpoint(base_url=server.url, bills=True)
    monkeypatch.setitem(endpoints.ENDPOINTS, "openrouter", ours)
    usage = {"prompt_tokens": 1000, "completion_tokens": 0, "cost": cost}
    response = await answer(server, {"data": {"usage": usage}}, "openrouter")
    assert response.usage.input_tokens == 1000
    assert response.usage.cost is None
    assert response.usage.provenance == frozenset()
