"""What an attempt has paid for and found out so far, so that it can go on after a kill.

An attempt that was cut off is begun again, and each answer and observation of its first part is
given once more from the journal: the same conversation up to where it ended, which costs nothing.
A tool that changes something is really called again, so that the episode gets to the same state.

A checkpoint of the run would lack what was paid for between its last write and the kill; here an
answer is on disk before it is charged. And figures stay those of an attempt nobody disturbed.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NamedTuple

from lean_agent import (
    LeanAgentError,
    Message,
    Model,
    ModelCard,
    ModelRequest,
    ModelResponse,
    RunContext,
    Tool,
    ToolError,
    ToolSpec,
    Usage,
)
from lean_agent.model import Completed, Slotted, StreamEvent
from lean_agent.models.pricing import priced
from lean_agent.models.response_cache import ResponseCache
from lean_agent.price import Price
from lean_agent.tool_spec import Foreseeing, Holding
from lean_agent_evals.json_lines import JsonLines

__all__ = ["Journal", "RecordedModel", "SampleKey", "recorded"]

_CUT_SHORT = ("length", "aborted")


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
    took. ``replayed`` sums the usage of the answers that were given again, as they were billed;
    ``calls`` is what each answer used, given again or new.
    """

    def __init__(
        self, lines: JsonLines, sample: SampleKey, earlier: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self._lines = lines
        self._sample = sample
        self._began = time.monotonic()
        self._cut_short = ""
        self._answers: dict[str, deque[ModelResponse]] = defaultdict(deque)
        self._observations: dict[str, deque[Mapping[str, Any]]] = defaultdict(deque)
        self.replayed = Usage()
        self.calls: list[Usage] = []
        self.earlier_seconds = max((record["seconds"] for record in earlier), default=0.0)
        for record in earlier:
            if "response" in record:
                response = ModelResponse.from_dict(record["response"])
                self._answers[record["key"]].append(response)
            elif "taken_back" in record:
                self._take_back(record["key"])
            else:
                self._observations[record["key"]].append(record)
        given = (response for answers in self._answers.values() for response in answers)
        self.earlier_usage = sum((response.usage for response in given), Usage())

    @property
    def has_answers(self) -> bool:
        """Whether there is any left to be given again."""
        return bool(self._answers)

    def key(self, model_name: str, base_url: str | None, request: ModelRequest) -> str:
        """What makes two requests the same, however much of a budget is left for the answer."""
        asked = replace(request, max_output_tokens=None, timeout=None)
        return ResponseCache.key(model_name, base_url, asked)

    def get(self, key: str) -> ModelResponse | None:
        """The next answer of an earlier part to this request; each is given once."""
        if key not in self._answers:
            return None
        response = self._answers[key].popleft()
        if not self._answers[key]:
            del self._answers[key]
        self.replayed += response.usage
        self.calls.append(response.usage)
        return response

    def keeps(self, request: ModelRequest, response: ModelResponse) -> bool:
        """Nothing, at that point: it was written before it was charged."""
        del request, response
        return False

    def put(self, key: str, response: ModelResponse) -> None:
        raise NotImplementedError

    def answered(self, key: str, response: ModelResponse) -> None:
        """Write an answer down, with its price.

        Raises:
            ResultsError: the disk refuses it.
        """
        self.calls.append(response.usage)
        self._cut_short = key if response.finish_reason in _CUT_SHORT else ""
        self._write({"key": key, "response": response.to_dict()})

    def take_back(self) -> None:
        """Have the newest answer asked for anew by the next part if it was cut short: by what ended
        the attempt, which is not to shape its answers.

        Raises:
            ResultsError: the disk refuses it.
        """
        if self._cut_short:
            self._write({"key": self._cut_short, "taken_back": True})

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
        self._write({"key": key, "observation": text, "is_error": is_error})

    def _take_back(self, key: str) -> None:
        self._answers[key].pop()
        if not self._answers[key]:
            del self._answers[key]

    def _write(self, record: dict[str, Any]) -> None:
        seconds = round(self.earlier_seconds + time.monotonic() - self._began, 4)
        self._lines.append({**self._sample._asdict(), **record, "seconds": seconds})


class RecordedModel:
    """A model, each answer of which is in the journal before anything else happens to it.

    ``price`` is what its answers are charged by.
    """

    def __init__(self, model: Model, journal: Journal, price: Price | None) -> None:
        self._model = model
        self._journal = journal
        self._price = price

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def card(self) -> ModelCard:
        return self._model.card

    @property
    def base_url(self) -> str:
        """The model's address, where it has one."""
        return self._model.base_url  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]

    async def generate(self, request: ModelRequest) -> ModelResponse:
        started = time.perf_counter()
        response = await self._model.generate(request)
        self._answered(request, response, started)
        return response

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        started = time.perf_counter()
        async with aclosing(self._model.stream(request)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    self._answered(request, event.response, started)
                yield event

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        return await self._model.count_tokens(messages, tools)

    def free_slots(self) -> int:
        """The model's own; one that says nothing of slots takes up whatever comes."""
        return self._model.free_slots() if isinstance(self._model, Slotted) else 1

    async def aclose(self) -> None:
        """The model is the run's: it is closed with that."""

    def _answered(self, request: ModelRequest, response: ModelResponse, started: float) -> None:
        usage = priced(
            response.usage,
            price=self._price,
            card=self.card,
            seconds=time.perf_counter() - started,
            estimated=response.usage_estimated,
        )
        key = self._journal.key(self.name, getattr(self, "base_url", None), request)
        self._journal.answered(key, replace(response, usage=usage))


class _RecordedTool:
    def __init__(self, tool: Tool, journal: Journal) -> None:
        self.spec = tool.spec
        self._tool = tool
        self._journal = journal

    async def holds(self, names: Sequence[str]) -> bool | None:
        """What the tool itself can tell: the gate asks, and must choose as it does elsewhere."""
        return await self._tool.holds(names) if isinstance(self._tool, Holding) else None

    async def foreseen(self, task: str, ctx: RunContext) -> Sequence[Mapping[str, Any]]:
        """What the tool itself foresees, likewise."""
        return await self._tool.foreseen(task, ctx) if isinstance(self._tool, Foreseeing) else ()

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        key = json.dumps([self.spec.name, arguments], sort_keys=True, default=dict)
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
