"""What a consumer's type checker sees: checked with ``mypy --strict``, never run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NotRequired, TypedDict, assert_type

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.tools import BaseTool
from langgraph.graph import START, StateGraph

from lean_agent import (
    Agent,
    Budget,
    Event,
    Hooks,
    Mode,
    ModelRequest,
    RunContext,
    RunResult,
    Tool,
    ToolCall,
    TrajectoryStep,
    tool,
)
from lean_agent.integrations.langchain import LangChainModel, from_langchain_tool


@dataclass
class Sum:
    result: int


@tool
def add(a: int, b: int = 1) -> int:
    """Add.

    Args:
        a: One number.
        b: Another.
    """
    return a + b


@tool(side_effects=True, timeout=5)
async def send(text: str, ctx: RunContext) -> str:
    """Send.

    Args:
        text: What.
    """
    ctx.log(text)
    return "sent"


@dataclass
class Shop:
    stock: dict[str, int]


@tool
def pieces(part: str, ctx: RunContext[Shop]) -> int:
    """Count.

    Args:
        part: What.
    """
    assert_type(ctx.deps, Shop)
    return ctx.deps.stock[part]


def free(ctx: RunContext) -> str:
    """Use deps of any type."""
    assert_type(ctx.deps, Any)
    return ctx.run_id


class Counting(Hooks):
    async def before_model(self, request: ModelRequest, ctx: RunContext) -> None:
        assert_type(request.messages[0].content, str)
        assert_type(ctx.task, str)

    async def before_tool(self, call: ToolCall, ctx: RunContext) -> None:
        assert_type(call.name, str)

    async def after_tool(self, step: TrajectoryStep, ctx: RunContext) -> None:
        assert_type(step.observation, str)

    async def on_end(self, result: RunResult[Any]) -> None:
        assert_type(result.usage.cost, Decimal | None)


async def watched(agent: Agent[Sum], mode: Mode) -> list[Event]:
    return [event async for event in agent.stream("x", mode=mode)]


class State(TypedDict):
    question: str
    total: NotRequired[int]


def question(state: State) -> str:
    return state["question"]


def total(result: RunResult[Sum]) -> dict[str, int]:
    return {"total": result.output.result}


def compose(chat: BaseChatModel, foreign: BaseTool) -> None:
    model = LangChainModel(chat, name="openai:gpt-4o-mini")
    expert = Agent(model=model, tools=[from_langchain_tool(foreign), pieces, free])
    as_tool = expert.as_tool(name="expert", description="Knows.", budget=Budget(steps=3))
    named: Tool = as_tool
    agent = Agent(tools=[named, as_tool], hooks=[Counting()], output_type=Sum)
    assert_type(agent.run_sync("x", deps=Shop({})).output, Sum)
    builder = StateGraph(State)
    # LangGraph leaves a type argument of this method open.
    builder.add_node(  # pyright: ignore[reportUnknownMemberType]
        "ask", agent.as_node(task=question, update=total)
    )
    builder.add_edge(START, "ask")


def use() -> None:
    assert_type(add(1, b=2), int)
    agent = Agent(model="openai:gpt-4o-mini", tools=[add, send], budget=Budget(usd="0.10"))
    result = agent.run_sync("What is 1 + 2?")
    assert_type(result, RunResult[str])
    assert_type(result.output, str)
    assert_type(result.usage.cost, Decimal | None)
    typed = Agent(model=["openai:gpt-4o-mini", "local:qwen2.5-coder-1.5b"], output_type=Sum)
    assert_type(typed.run_sync("What is 1 + 2?").output, Sum)
