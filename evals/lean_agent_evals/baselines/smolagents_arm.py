"""smolagents' ToolCallingAgent, which is not asynchronous: it works in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

from openai import DefaultHttpxClient
from smolagents import ChatMessage, LogLevel, OpenAIModel, Tool, ToolCallingAgent

from lean_agent._threads import in_daemon_thread
from lean_agent.tool_spec import ToolSpec
from lean_agent_evals.baselines.clients import how
from lean_agent_evals.baselines.framework import Job

__all__ = ["HOW", "answer"]

HOW = how("smolagents")
_OUT_OF_STEPS = "max_steps_error"

Use = Callable[[str, Mapping[str, Any]], str]


async def answer(job: Job) -> str:
    """Its final answer. The last of the steps is left for the one it gives when it runs out."""
    async with _ToolCalls(job) as calls:
        return await in_daemon_thread(lambda: _run(job, calls.use))


class _ToolCalls:
    """Those of its thread, made on the event loop. Leaving ends them, and refuses any further:
    where the attempt is cancelled, the thread is left behind.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._over = False
        self._ending = threading.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        with self._ending:
            self._over = True
        under_way = tuple(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def use(self, name: str, arguments: Mapping[str, Any]) -> str:
        with self._ending:  # else the loop might be closed before it has begun
            self._refuse_if_over()
            called = asyncio.run_coroutine_threadsafe(self._use(name, arguments), self._loop)
        return called.result()

    async def _use(self, name: str, arguments: Mapping[str, Any]) -> str:
        self._refuse_if_over()
        task = asyncio.ensure_future(self._job.use(name, arguments))
        self._under_way.add(task)
        try:
            return await task
        finally:
            self._under_way.discard(task)

    def _refuse_if_over(self) -> None:
        if self._over:
            raise RuntimeError("the attempt is over")


def _run(job: Job, use: Use) -> str:
    with DefaultHttpxClient(trust_env=False) as http_client:
        model = _Model(
            job.model,
            api_base=job.url,
            api_key=job.key,
            client_kwargs={"max_retries": 0, "timeout": None, "http_client": http_client},
            retry=False,
        )
        agent: Any = ToolCallingAgent(
            tools=[_Tool(spec, use) for spec in job.tools],
            model=model,
            instructions=job.instructions,
            max_steps=max(1, job.steps - 1),
            verbosity_level=LogLevel.OFF,
        )
        result = agent.run(job.question, return_full_result=True)
    if result.state == _OUT_OF_STEPS:
        job.run.limit = "steps"
    return str(result.output)


class _Model(OpenAIModel):
    """Calls that it reads from text get the same id each time, so that a run can be replayed."""

    def parse_tool_calls(self, message: ChatMessage) -> ChatMessage:
        parsed = super().parse_tool_calls(message)
        for number, call in enumerate(parsed.tool_calls or ()):
            call.id = f"call_{number}"
        return parsed


class _Tool(Tool):
    """One of ours, described as smolagents describes those of an MCP server."""

    skip_forward_signature_validation = True
    output_type = "string"

    def __init__(self, spec: ToolSpec, use: Use) -> None:
        self.name = spec.name
        self.description = spec.description
        self.inputs = _inputs(spec)
        self.is_initialized = True
        self._use = use

    def forward(self, **arguments: Any) -> str:
        return self._use(self.name, arguments)


def _inputs(spec: ToolSpec) -> dict[str, dict[str, Any]]:
    properties = cast("Mapping[str, Mapping[str, Any]]", spec.parameters.get("properties", {}))
    required = spec.parameters.get("required", ())
    return {
        name: {
            "type": "any",
            "description": "see tool description",
            **schema,
            **({} if name in required else {"nullable": True}),
        }
        for name, schema in properties.items()
    }
