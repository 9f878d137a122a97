"""A server that fails by a script, request by request, and counts what it has served whole.

Each run has an address of its own there, ``faults.url(run)``; once its script is over it is served
well: native tool calls where the request offers tools, an object where it asks for one, else text.
"""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field
from typing import Any

from support.fake_openai import FakeOpenAI, FakeRequest, Reply, tokens

from lean_agent.models.wire import as_mapping

__all__ = ["FAULTS", "Faults", "script"]

FAULTS: dict[str, Reply] = {
    "429": Reply(status=429, body={"error": {"message": "slow down"}}),
    "429 retry-after": Reply(status=429, headers={"retry-after": "0.05"}, body={"error": "slow"}),
    "500": Reply(status=500, body={"error": {"message": "oops"}}),
    "504": Reply(status=504, body={"error": {"message": "too slow"}}),
    "503": Reply(status=503, body=b"<html>busy</html>"),
    "reset": Reply(fault="reset"),
    "cut": Reply(text="half of an answer", fault="cut"),
    "no end": Reply(text="half of an answer", fault="no_end"),
    "half json": Reply(fault="half_json"),
    "empty body": Reply(body=b""),
    "no choices": Reply(fault="empty_choices"),
    "error in stream": Reply(text="it began well", fault="error_in_stream"),
    "hang": Reply(fault="hang"),
    "stall": Reply(text="almost there", fault="stall"),
    "filtered": Reply(text="", finish_reason="content_filter"),
    "refused": Reply(status=400, body={"error": {"message": "flagged", "code": "content_filter"}}),
    "empty text": Reply(text=""),
    "half an object": Reply(text='{"name": "gallium", "melts'),
    "ok": Reply(),
    "slow": Reply(text="slowly but surely", piece_delay=0.01),
}
# What a stream sends before "half json" and "stall" is whole; a body with "no choices" is counted,
# and what is for streams does nothing to it.
_WHOLE = {
    True: {"filtered", "empty text", "half an object", "ok", "slow", "half json", "stall"},
    False: {
        "filtered", "empty text", "half an object", "ok", "slow", "stall", "no end", "no choices",
        "error in stream",
    },
}  # fmt: skip
_RARE = {"hang", "stall"}


def script(rng: random.Random) -> list[str]:
    """Up to six faults in a row; those that only a deadline ends are rarer."""
    names = [name for name in FAULTS if name not in _RARE or rng.random() < 0.3]
    return [rng.choice(names) for _ in range(rng.randrange(7))]


@dataclass
class Faults:
    """``whole`` has the tokens of each run's answers that were sent with their usage."""

    scripts: dict[str, list[str]]
    asked: dict[str, int] = field(default_factory=dict[str, int])
    whole: dict[str, int] = field(default_factory=dict[str, int])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.server = FakeOpenAI(self._answer)

    def url(self, run: str) -> str:
        return f"{self.server.url}/{run}"

    def _answer(self, request: FakeRequest) -> Reply:
        run = request.path.split("/")[2]
        with self._lock:
            number = self.asked[run] = self.asked.get(run, 0) + 1
            script = self.scripts[run]
            name = script[number - 1] if number <= len(script) else "ok"
            reply = _healthy(request.body) if name == "ok" else FAULTS[name]
            if name in _WHOLE[bool(request.body.get("stream"))]:
                prompt = tokens(json.dumps(request.body["messages"]))
                said = reply.text + "".join(raw for _, raw in reply.tool_calls)
                self.whole[run] = self.whole.get(run, 0) + prompt + tokens(said)
        return reply


def _healthy(body: Any) -> Reply:
    last = as_mapping(body["messages"][-1])
    if "JSON object" in str(last.get("content")) or "response_format" in body:
        return Reply(text='{"name": "gallium", "melts": 29.8}')
    if body.get("tools") and body.get("tool_choice") != "none" and last["role"] == "user":
        return Reply(text="", tool_calls=(("search", '{"query": "gallium"}'),))
    return Reply(text="It melts at 29.8 degrees.")
