"""The same calls sent to the engine by nothing but a loop: no agent, no search, no latency.

What the engine takes for them, with as many questions at once and the same arrivals, is the bound
as it can be measured: an agent whose searches took no time would do no better.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.retrieval.recorded_model import RecordedModel
from lean_agent.model import ModelRequest
from lean_agent.models.local import LocalModel

__all__ = ["NAME", "keep_requests", "measured"]

NAME = "bare.json"
_REQUESTS = "requests.pickle"


def keep_requests(
    out: Path,
    warm_up: Sequence[ModelRequest],
    asked: Sequence[tuple[float, Sequence[ModelRequest]]],
) -> None:
    """Keep what a cell sent: before it began, and for each question, which came at that second."""
    plain = [(came, [_plain(request) for request in requests]) for came, requests in asked]
    kept = ([_plain(request) for request in warm_up], plain)
    (out / _REQUESTS).write_bytes(pickle.dumps(kept))


def _plain(request: ModelRequest) -> ModelRequest:
    schema = request.response_schema
    return replace(request, response_schema=None if schema is None else dict(schema), enough=None)


async def measured(out: Path, model: str, agents: int) -> dict[str, Any]:
    """Send what was kept: a question's calls one after another, ``agents`` questions at once."""
    warm_up, asked = pickle.loads((out / _REQUESTS).read_bytes())
    engine = RecordedModel(LocalModel(model), scheduled=True)
    try:
        for request in warm_up:
            await engine.generate(request)
        places = asyncio.Semaphore(agents)
        engine.start()

        async def one(came: float, requests: Sequence[ModelRequest]) -> dict[str, Any]:
            await asyncio.sleep(came - engine.now())
            async with places:
                for request in requests:
                    await engine.generate(request)
            run = requests[0].run
            calls = engine.calls[run.run_id if run else ""]
            ended = engine.now()
            return {"came": came, "ended": ended, "f1": None, "calls": [asdict(c) for c in calls]}

        questions = await asyncio.gather(*(one(came, requests) for came, requests in asked))
    finally:
        await engine.aclose()
    return {"seconds": engine.now(), "questions": questions}
