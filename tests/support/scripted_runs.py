"""Runs on a scripted model: what the runtime's tests share."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from lean_agent import Agent, Ledger, RunContext, Tool, tool
from lean_agent.ledger import queries
from lean_agent.messages import Message
from lean_agent.model import FinishReason, ModelCard, ModelRequest, ModelResponse, TokenLogprob
from lean_agent.models.scripted import ScriptedModel
from lean_agent.result import RunResult
from lean_agent.usage import Usage

__all__ = [
    "ANSWER",
    "NATIVE",
    "SCHEMA",
    "SEARCH",
    "Hanging",
    "agent",
    "looking_up",
    "rows",
    "said",
    "searching",
    "starts_with_the_previous",
]

SEARCH = '{"tool":"search","arguments":{"query":"gallium"}}'
ANSWER = '{"tool":"answer"}'
SCHEMA = ModelCard(action_format="schema", self_hosted=True)
NATIVE = ModelCard(action_format="native", self_hosted=True)


class Hanging:
    """A model call that does not end; ``begun`` says that it is on its way."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self, _request: ModelRequest) -> str:
        self.begun.set()
        await asyncio.sleep(60)
        return ""


def rows(ledger: Ledger, result: RunResult[Any]) -> list[dict[str, Any]]:
    """The run's model calls."""
    entries = queries.show(ledger.folder, result.run_id)
    return [entry for entry in entries if entry["operation"] == "chat"]


def said(text: str, *logprobs: float, finish_reason: FinishReason = "stop") -> ModelResponse:
    """What a model writes, with the logarithm of each token's probability."""
    return ModelResponse(
        message=Message("assistant", text),
        usage=Usage(input_tokens=10, output_tokens=len(logprobs)),
        finish_reason=finish_reason,
        model="scripted:test",
        logprobs=tuple(TokenLogprob("x", one) for one in logprobs),
    )


def searching(calls: list[str] | None = None) -> Tool:
    @tool
    def search(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        if calls is not None:
            calls.append(query)
        return f"About {query}: it melts at 29.8 degrees."

    return search


def looking_up(*names: str, calls: list[str] | None = None, **options: Any) -> Tool:
    """A tool that foresees a call of each of the names that stand in a task."""

    def foreseen(task: str, ctx: RunContext) -> Sequence[Mapping[str, str]]:
        assert ctx.task == task
        return [{"name": name} for name in names if name in task]

    @tool(foreseen=foreseen, **options)
    def look_up(name: str) -> str:
        """Look up.

        Args:
            name: What.
        """
        if calls is not None:
            calls.append(name)
        return f"{name} melts at 29.8 degrees."

    return look_up


def agent(
    script: Sequence[Any], ledger: Ledger, card: ModelCard = SCHEMA, **more: Any
) -> tuple[Agent, ScriptedModel]:
    model = ScriptedModel(script, card=card)
    return Agent(model=model, ledger=ledger, **more), model


def starts_with_the_previous(requests: Sequence[ModelRequest]) -> bool:
    return all(
        later.messages[: len(earlier.messages)] == earlier.messages
        for earlier, later in itertools.pairwise(requests)
    )
