"""What every model and planner must keep to, and that a fault of one is found and named."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from support.fake_openai import FakeOpenAI

from lean_agent import Message, Model, ModelRequest, ModelResponse, ToolSpec, Usage
from lean_agent.integrations.langchain import LangChainModel
from lean_agent.model import StreamEvent, TextDelta
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.scripted import ScriptedModel
from lean_agent.planner import Ask, PlannedAnswer, Recognised
from lean_agent.testing import check_model, check_planner
from lean_agent_planners.domain_planner import domain_planner

SCRIPT = ["Canberra"] * 9


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScriptedModel(SCRIPT),
        lambda: LangChainModel(FakeListChatModel(responses=["Canberra"]), name="fake:list"),
    ],
    ids=["scripted", "langchain"],
)
async def test_models(make: Callable[[], Model]) -> None:
    await check_model(make)


async def test_a_model_behind_a_server(server: FakeOpenAI) -> None:
    await check_model(lambda: OpenAICompatibleModel("mine:small", base_url=server.url))


class Flattering(ScriptedModel):
    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        return len(messages)


class Pricing(ScriptedModel):
    async def generate(self, request: ModelRequest) -> ModelResponse:
        answer = await super().generate(request)
        return replace(answer, usage=replace(answer.usage, cost=Decimal(0)))


class Free(ScriptedModel):
    async def generate(self, request: ModelRequest) -> ModelResponse:
        return replace(await super().generate(request), usage=Usage(cost=None))


class Stuttering(ScriptedModel):
    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        yield TextDelta("Well, ")
        async for event in super().stream(request):
            yield event


class Endless(ScriptedModel):
    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        async for event in super().stream(request):
            if isinstance(event, TextDelta):
                yield event


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (Flattering, "an upper bound"),
        (Pricing, "prices nothing"),
        (Free, "every call has tokens"),
        (Stuttering, "make up its answer"),
        (Endless, "ends with Completed"),
    ],
)
async def test_a_models_fault_is_found_and_named(kind: type[ScriptedModel], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        await check_model(lambda: kind(SCRIPT))


async def test_a_model_without_a_provider_is_found_out() -> None:
    with pytest.raises(AssertionError, match="must be provider:model"):
        await check_model(lambda: ScriptedModel(SCRIPT, name="mine"))


@pytest.mark.slow
async def test_the_installed_planner() -> None:
    answer = await check_planner(domain_planner, "Use the numbers 3 3 8 8 to get 24.")
    assert answer.expansions


class Faulty:
    """A planner with one fault, of the kind that it is told."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    @property
    def domains(self) -> Sequence[str]:
        return () if self.fault == "none" else ("sums",)

    def recognise(
        self, task: str, files: Sequence[Path] = (), *, forced: bool = False
    ) -> Recognised | None:
        if task != "1 + 1" and self.fault != "greedy":
            return None
        return Recognised(domain="other" if self.fault == "stray" else "sums", instance=task)

    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        return PlannedAnswer(
            status="unknown" if self.fault == "lost" else "solved",
            answer="" if self.fault == "mute" else "2",
            evidence="two\nlines" if self.fault == "wordy" else "added",
        )

    async def devise(self, task: str, ask: Ask) -> PlannedAnswer:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("none", "at least one domain"),
        ("greedy", "leave .* alone"),
        ("stray", "none of its domains"),
        ("lost", "must solve the task"),
        ("mute", "has an answer"),
        ("wordy", "one line"),
    ],
)
async def test_a_planners_fault_is_found_and_named(fault: str, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        await check_planner(Faulty(fault), "1 + 1")


async def test_a_small_planner_passes() -> None:
    await check_planner(Faulty(""), "1 + 1")
