"""pydantic-ai's Agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic_ai import Agent, Tool, UnexpectedModelBehavior, UsageLimits
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from lean_agent.tool_spec import ToolSpec
from lean_agent_evals.baselines.clients import client_of, how
from lean_agent_evals.baselines.framework import Job

__all__ = ["GAVE_UP", "HOW", "answer"]

GAVE_UP = (UnexpectedModelBehavior,)
HOW = how("pydantic-ai-slim")


async def answer(job: Job) -> str:
    """Its final output. The endpoint ends the run at its step limit."""
    async with client_of(job) as client:
        agent = Agent(  # pyright: ignore[reportCallIssue, reportArgumentType] - deps_type
            OpenAIChatModel(job.model, provider=OpenAIProvider(openai_client=client)),
            instructions=job.instructions,
            tools=[_tool(job, spec) for spec in job.tools],
        )
        result = await agent.run(job.question, usage_limits=UsageLimits(request_limit=None))
    return result.output


def _tool(job: Job, spec: ToolSpec) -> Tool[None]:
    return Tool[None].from_schema(
        _calling(job, spec.name),
        name=spec.name,
        description=spec.description,
        json_schema=dict(spec.parameters),
        sequential=not spec.concurrency_safe,
    )


def _calling(job: Job, name: str) -> Callable[..., Awaitable[str]]:
    async def call(**arguments: Any) -> str:
        return await job.use(name, arguments)

    return call
