"""What an attempt has paid for and found out so far, so that it can go on after a kill.

An attempt that was cut off is begun again, and each answer and observation of its first part is
given once more from the journal: the same conversation up to where it ended, which costs nothing.
A tool that changes something is really called again, so that the episode gets to the same state.

A checkpoint of the run would lack what was paid for between its last write and the kill; here an
answer is on disk before it is used. And figures stay those of an attempt nobody disturbed.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lean_agent import (
    LeanAgentError,
    ModelRequest,
    ModelResponse,
    RunContext,
    Tool,
    ToolError,
    ToolSpec,
    Usage,
)
from lean_agent.models.replay import request_key
from lean_agent_evals.json_lines import JsonLines
from lean_agent_evals.redaction import redacted

__all__ = ["Journal", "SampleKey", "recorded"]


class SampleKey(NamedTuple):
    """What names an attempt in a run."""

    arm: str
    epoch: int
    task_id: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> SampleKey:
        """The attempt that a record of any of the files is about."""
        return cls(record["arm"], record["epoch"], record["task_id"])


class Journal:
    """One attempt's answers, in the order in which they came: an AnswerStore.

    ``earlier`` are the records of parts before this one, and ``earlier_seconds`` how long those
    took. ``replayed`` sums the usage of the answers that were given again, as they were billed.
    """

    def __init__(
        self, lines: JsonLines, sample: SampleKey, earlier: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self._lines = lines
        self._sample = sample
        self._began = time.monotonic()
        self._answers: dict[str, deque[ModelResponse]] = defaultdict(deque)
        self._observations: dict[str, deque[Mapping[str, Any]]] = defaultdict(deque)
        self.replayed = Usage()
        self.earlier_usage = Usage()
        self.earlier_seconds = max((record["seconds"] for record in earlier), default=0.0)
        for record in earlier:
            if "response" in record:
                response = ModelResponse.from_dict(record["response"])
                self._answers[record["key"]].append(response)
                self.earlier_usage += response.usage
            else:
                self._observations[record["key"]].append(record)

    def key(self, model_name: str, base_url: str | None, request: ModelRequest) -> str:
        """What makes two requests the same. The address is, throughout a run."""
        del base_url
        return request_key(model_name, request)

    def keeps(self, request: ModelRequest, response: ModelResponse) -> bool:
        """Every answer, since every one was paid for."""
        del request, response
        return True

    def get(self, key: str) -> ModelResponse | None:
        """The next answer of an earlier part to this request; each is given once."""
        if not self._answers[key]:
            return None
        response = self._answers[key].popleft()
        self.replayed += response.usage
        return response

    def put(self, key: str, response: ModelResponse) -> None:
        """Write an answer down.

        Raises:
            ResultsError: the disk refuses it.
        """
        self._write({"key": key, "response": redacted(response.to_dict())})

    def take_notices(self) -> list[str]:
        return []

    def observation(self, key: str) -> Mapping[str, Any] | None:
        """The next observation of an earlier part from this call of a tool."""
        return self._observations[key].popleft() if self._observations[key] else None

    def observed(self, key: str, text: str, *, is_error: bool) -> None:
        """Write an observation down.

        Raises:
            ResultsError: the disk refuses it.
        """
        self._write({"key": key, "observation": redacted(text), "is_error": is_error})

    def _write(self, record: dict[str, Any]) -> None:
        seconds = round(self.earlier_seconds + time.monotonic() - self._began, 4)
        self._lines.append({**self._sample._asdict(), **record, "seconds": seconds})


class _RecordedTool:
    def __init__(self, tool: Tool, journal: Journal) -> None:
        self._tool = tool
        self._journal = journal

    @property
    def spec(self) -> ToolSpec:
        return self._tool.spec

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        key = json.dumps(redacted([self.spec.name, arguments]), sort_keys=True, default=dict)
        earlier = self._journal.observation(key)
        if earlier is None:
            return await self._call(key, arguments, ctx)
        if self.spec.side_effects:
            with contextlib.suppress(Exception):  # what it said then is what counts
                await self._tool.call(arguments, ctx)
        if earlier["is_error"]:
            raise ToolError(earlier["observation"])
        return earlier["observation"]

    async def _call(self, key: str, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        try:
            text = await self._tool.call(arguments, ctx)
        except LeanAgentError as error:
            self._journal.observed(key, error.message, is_error=True)
            raise
        self._journal.observed(key, text, is_error=False)
        return text


def recorded(tools: Sequence[Tool], journal: Journal) -> list[Tool]:
    """The tools, each call of which is written down, and given again where it was."""
    return [_RecordedTool(tool, journal) for tool in tools]
