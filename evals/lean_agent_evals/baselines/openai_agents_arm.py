"""OpenAI's Agents SDK: Agent and Runner."""

from __future__ import annotations

import json
from typing import Any, cast

from agents import (
    Agent,
    FunctionTool,
    ModelBehaviorError,
    ModelRefusalError,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    default_tool_error_function,
)

from lean_agent.tool_spec import ToolSpec
from lean_agent_evals.baselines.clients import client_of, how
from lean_agent_evals.baselines.framework import Job

__all__ = ["GAVE_UP", "HOW", "answer"]

GAVE_UP = (ModelBehaviorError, ModelRefusalError)
HOW = how("openai-agents")


async def answer(job: Job) -> str:
    """Its final output. The endpoint ends the run at its step limit."""
    async with client_of(job) as client:
        agent = Agent[None](
            name="assistant",
            instructions=job.instructions,
            model=OpenAIChatCompletionsModel(model=job.model, openai_client=client),
            tools=[_tool(job, spec) for spec in job.tools],
        )
        result = await Runner.run(
            agent,
            job.question,
            max_turns=None,
            run_config=RunConfig(tracing_disabled=True),
        )
    return str(result.final_output)


def _tool(job: Job, spec: ToolSpec) -> FunctionTool:
    async def invoke(context: Any, raw: str) -> str:
        try:
            arguments: object = json.loads(raw) if raw.strip() else {}
        except ValueError as error:
            return default_tool_error_function(context, error)  # as for its own tools
        if not isinstance(arguments, dict):
            return f"Error: the arguments of {spec.name} must be a JSON object"
        return await job.use(spec.name, cast("dict[str, Any]", arguments))

    return FunctionTool(
        name=spec.name,
        description=spec.description,
        params_json_schema=dict(spec.parameters),
        on_invoke_tool=invoke,
        strict_json_schema=False,  # strict mode knows no optional parameters
    )
