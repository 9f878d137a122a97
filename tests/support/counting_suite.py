"""A small suite with a state of its own, and a model that solves it without a script."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lean_agent import Message, ModelCard, ModelRequest, RunResult, Tool, ToolCall, tool
from lean_agent.model import Completed, ModelResponse, StreamEvent
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage
from lean_agent_evals.suite import Solution
from lean_agent_evals.task import Score, Split, Task

__all__ = ["Counting", "CountingModel", "Visit"]


class Visit:
    """A counter that the agent must raise to the number asked for."""

    roots: Sequence[Path] = ()
    instructions = "Raise the counter, one at a time, then answer done."

    def __init__(self, goal: int) -> None:
        self.goal = goal
        self.count = 0
        moving = tool(side_effects=True, concurrency_safe=False)
        self.tools: Sequence[Tool] = (moving(self.raise_it),)

    def raise_it(self) -> str:
        """Raise the counter by one."""
        self.count += 1
        return f"it is {self.count}"

    def score(self, result: RunResult) -> Score:
        passed = self.count == self.goal and result.output == f"done {self.goal}"
        detail = f"{self.count} of {self.goal}, {result.output!r}"
        return Score(value=float(passed), passed=passed, detail=detail)


class Counting:
    """Task n asks for n rounded into 1 to ``most``."""

    name = "counting"

    def __init__(self, size: int = 10, most: int = 4) -> None:
        self.size = size
        self.most = most

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        return [
            Task(
                id=f"{split}-{seed}-{number:04}",
                question=f"Task {number} of {split}: raise it to {1 + number % self.most}.",
                entities=(f"it is {1 + number % self.most}",),
                needs_tools=True,
                kind="odd" if number % 2 else "even",
                data={"goal": 1 + number % self.most},
            )
            for number in range(self.size if count is None else count)
        ]

    @contextmanager
    def open(self, task: Task) -> Generator[Visit]:
        yield Visit(task.data["goal"])

    def solution(self, task: Task) -> Solution:
        goal = task.data["goal"]
        return Solution(calls=(("raise_it", {}),) * goal, answer=f"done {goal}")

    def best(self, task: Task) -> float:
        del task
        return 1.0


class CountingModel:
    """Solves the tasks from what it reads in the conversation, and keeps nothing of it.

    ``before`` is called before each answer and may raise; ``fails`` names tasks that it gets wrong.
    """

    name = "scripted:counting"
    card = ModelCard(action_format="native", self_hosted=True)

    def __init__(
        self, before: Callable[[ModelRequest], object] = lambda _: None, fails: str = "(?!)"
    ) -> None:
        self.calls = 0
        self._before = before
        self._fails = re.compile(fails)

    async def generate(self, request: ModelRequest) -> ModelResponse:
        self.calls += 1
        self._before(request)
        asked = next((m.content for m in request.messages if "raise it to" in m.content), "")
        found = re.search(r"raise it to (\d+)", asked)
        goal = int(found[1]) if found else 0  # a question that is none of the suite's
        done = sum(m.role == "tool" for m in request.messages)
        message = Message("assistant", f"done {goal}")
        if self._fails.search(asked.partition(":")[0] + ":"):
            message = Message("assistant", "I do not know")
        elif request.tools and done < goal and request.tool_choice == "auto":
            call = ToolCall(f"call_{done}", "raise_it", {})
            message = Message("assistant", "", tool_calls=(call,))
        usage = Usage(
            input_tokens=await self.count_tokens(request.messages, ()), output_tokens=5, cost=None
        )
        finish = "tool_calls" if message.tool_calls else "stop"
        return ModelResponse(message=message, usage=usage, finish_reason=finish, model=self.name)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        yield Completed(await self.generate(request))

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        del tools
        return sum(len(m.content) // 4 + 4 for m in messages)

    async def aclose(self) -> None:
        """Nothing is held."""
