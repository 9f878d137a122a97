"""The arm of another framework: its agent, our tools, and the metering endpoint as its model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import httpx  # noqa: F401 # pyright: ignore[reportUnusedImport] - see FrameworkArm

from lean_agent import LeanAgentError, RunResult, ToolCall
from lean_agent.errors import ModelBehaviorError
from lean_agent.tool_spec import ToolSpec
from lean_agent_evals.arms import Means
from lean_agent_evals.baselines.endpoint import Endpoint
from lean_agent_evals.baselines.metered import MeteredRun, attempted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["FrameworkArm", "Job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What an adapter hands to its framework. ``url`` and ``key`` are the endpoint's.

    ``steps`` is how many model calls are answered. The endpoint sees to temperature and seed.
    """

    question: str
    instructions: str
    model: str
    url: str
    key: str
    run: MeteredRun

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self.run.tools.values()]

    @property
    def steps(self) -> int:
        return self.run.steps

    async def use(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What the model is to be shown of a tool's call."""
        return await self.run.use(ToolCall("", name, arguments))


@dataclass(frozen=True, slots=True)
class FrameworkArm:
    """``module`` has ``HOW`` and ``answer(job)``, which gives the framework's final answer.

    If the framework ends over what the model has written, ``GAVE_UP`` are the exceptions by which
    it says so. Whatever else it raises is no fault of the model's.

    The adapter is imported in a thread at its first attempt. httpx, which comes with it, is there
    before: the openai client looks for it at every call, and found it half imported.
    """

    name: str
    module: str

    @property
    def probes(self) -> bool:
        return False

    def most_calls(self, steps: int) -> int:
        return steps

    async def attempt(self, question: str, means: Means) -> RunResult:
        adapter = await asyncio.to_thread(import_module, self.module)

        async def work(run: MeteredRun) -> str:
            async with Endpoint(run) as endpoint:
                job = Job(
                    question=question,
                    instructions=means.instructions,
                    model=means.model.name.partition(":")[2],
                    url=endpoint.url,
                    key=endpoint.key,
                    run=run,
                )
                try:
                    output = await adapter.answer(job)
                except Exception as error:
                    gave_up: tuple[type[Exception], ...] = getattr(adapter, "GAVE_UP", ())
                    blamed = bool(run.messages) and isinstance(error, gave_up)
                    raise run.failure or _told(self.name, error, blamed=blamed) from error
            if run.failure is not None:
                raise run.failure  # which the framework has swallowed
            return output

        return await attempted(question, means, adapter.HOW, work)


def _told(name: str, error: Exception, *, blamed: bool) -> LeanAgentError:
    """The same as ours; ``blamed``: the model has done what the framework cannot go on from."""
    line = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if blamed:
        return ModelBehaviorError(f"{name} gave up: {line}")
    return LeanAgentError(f"{name} failed: {line}")
