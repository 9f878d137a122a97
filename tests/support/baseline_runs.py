"""What baselines are given, and a model that solves the counting suite in any of their forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from support.counting_suite import CountingModel

from lean_agent import Account, Budget, Ledger, Message, Model, ModelRequest, Tool, ToolCall
from lean_agent.model import ModelResponse
from lean_agent.models.pricing import PriceTable
from lean_agent.usage import Usage
from lean_agent_evals.arms import Means

__all__ = ["AnyFormModel", "means"]


def means(model: Model, folder: Path, tools: Sequence[Tool] = (), **given: Any) -> Means:
    known: dict[str, Any] = {
        "roots": (),
        "instructions": "Answer in one word.",
        "budget": Budget(steps=6),
        "account": Account(Budget()),
        "answers": None,
        "ledger": Ledger(folder),
        "prices": PriceTable(),
        "temperature": 0.25,
        "seed": 7,
        "task_id": "task",
    }
    return Means(model=model, tools=tools, **known | given)


class AnyFormModel(CountingModel):
    """Acts by native calls where there are tools and by ReAct's text where there are none.

    ``given`` sums the usage of all its answers.
    """

    def __init__(self, before: Callable[[ModelRequest], object] = lambda _: None) -> None:
        super().__init__(before)
        self.calls = 0
        self.given = Usage()

    async def generate(self, request: ModelRequest) -> ModelResponse:
        self.calls += 1
        self._before(request)
        told = "\n".join(m.content for m in request.messages)
        goal = int(re.findall(r"raise it to (\d+)", told)[0])
        done = len(set(re.findall(r"it is \d+", told)))
        usage = Usage(
            input_tokens=await self.count_tokens(request.messages, ()), output_tokens=5, cost=None
        )
        self.given += usage
        return ModelResponse(
            message=self._said(request, goal, done),
            usage=usage,
            finish_reason="stop",
            model=self.name,
        )

    def _said(self, request: ModelRequest, goal: int, done: int) -> Message:
        tools = {spec.name for spec in request.tools}
        if done < goal:
            if not tools:
                return Message("assistant", "On.\nAction: raise_it\nAction Input: {}")
            return Message("assistant", "", (ToolCall(f"call_{done}", "raise_it", {}),))
        if "final_answer" in tools:
            last = ToolCall("call_last", "final_answer", {"answer": f"done {goal}"})
            return Message("assistant", "", (last,))
        text = f"done {goal}"
        return Message("assistant", text if tools else f"I know.\nFinal Answer: {text}")
