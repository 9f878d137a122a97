"""The openai client that frameworks are given: no retries, no proxy, no time limit of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from lean_agent_evals.baselines.framework import Job

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["client_of", "how"]


def how(package: str) -> str:
    """What a result says of who made it."""
    return f"{package} {version(package)}"


@asynccontextmanager
async def client_of(job: Job) -> AsyncGenerator[AsyncOpenAI]:
    """Talks to the endpoint of the job; closed at the end."""
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    client = AsyncOpenAI(
        api_key=job.key,
        base_url=job.url,
        max_retries=0,
        timeout=None,
        http_client=DefaultAsyncHttpxClient(trust_env=False),
    )
    try:
        yield client
    finally:
        await client.close()
