"""LangChain's agent: ``create_agent``."""

from __future__ import annotations

from typing import Any

from langchain.agents import (
    create_agent,  # pyright: ignore[reportUnknownVariableType] - its middleware's types
)
from langchain_core.exceptions import ModelRefusalError, OutputParserException
from langchain_core.tools import BaseTool
from langchain_openai import ChatOpenAI
from langsmith.run_helpers import (
    tracing_context,  # pyright: ignore[reportUnknownVariableType] - its client argument
)

from lean_agent.tool_spec import ToolSpec
from lean_agent_evals.baselines.clients import client_of, how
from lean_agent_evals.baselines.framework import Job

__all__ = ["GAVE_UP", "HOW", "answer"]

GAVE_UP = (ModelRefusalError, OutputParserException)
HOW = how("langchain")
_RECURSION_LIMIT = 1_000_000  # in nodes of its graph; the endpoint counts the steps


async def answer(job: Job) -> str:
    """The text of its last message. The endpoint ends the run at its step limit."""
    async with client_of(job) as client:
        model = ChatOpenAI(
            model=job.model,
            async_client=client.chat.completions,
            root_async_client=client,
            use_responses_api=False,
        )
        agent = create_agent(  # pyright: ignore[reportUnknownVariableType] - its context
            model, [_tool(job, spec) for spec in job.tools], system_prompt=job.instructions
        )
        with tracing_context(enabled=False):  # whatever the environment asks for
            state = await agent.ainvoke(  # pyright: ignore[reportUnknownMemberType]
                {"messages": [{"role": "user", "content": job.question}]},
                {"recursion_limit": _RECURSION_LIMIT},
            )
    return state["messages"][-1].text


class _Tool(BaseTool):
    """One of ours. (A StructuredTool would keep parameters called config for itself.)"""

    job: Any

    def _run(self, /, **arguments: Any) -> str:
        raise NotImplementedError("called asynchronously only")

    async def _arun(self, /, **arguments: Any) -> str:
        return await self.job.use(self.name, arguments)


def _tool(job: Job, spec: ToolSpec) -> _Tool:
    return _Tool(
        name=spec.name,
        description=spec.description,
        args_schema=dict(spec.parameters),
        job=job,
    )
