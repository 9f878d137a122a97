"""What has happened since the newest checkpoint, so that a resumed run repeats none of it.

LangGraph keeps what a node's tasks write beside the checkpoint that the node works on. An entry
here is such a write, under a name that no task has, so the graph passes it over; it goes when its
checkpoint does, and its store (SQLite, Postgres) is the checkpoint's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import uuid4

from lean_agent.model import ModelResponse
from lean_agent.result import TrajectoryStep

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from lean_agent.runtime.checkpoints import Checkpoints

__all__ = ["Journal"]

CHANNEL: Final = "lean_agent.journal"


@dataclass(slots=True, kw_only=True)
class Journal:
    """The entries found ``beside`` the last checkpoint of a resumed run, and where new ones go.

    ``begun`` and ``done`` are calls of the action that was cut off, by their place in it. What was
    found holds until the next checkpoint; ``allowed`` are patterns that a person has allowed.
    """

    beside: RunnableConfig | None = None
    allowed: list[str] = field(default_factory=list[str])
    _begun: set[int] = field(default_factory=set[int])
    _done: dict[int, TrajectoryStep] = field(default_factory=dict[int, TrajectoryStep])
    _answers: dict[str, list[ModelResponse]] = field(default_factory=dict[str, list[ModelResponse]])
    _answered: int = 0
    _saver: Checkpoints | None = None

    @classmethod
    def found(cls, beside: RunnableConfig, writes: Iterable[tuple[str, str, Any]] | None) -> Self:
        """That of a checkpoint and the ``writes`` beside it."""
        journal = cls(beside=beside)
        for _name, channel, entry in writes or ():
            if channel == CHANNEL:
                journal._take(json.loads(entry))
        return journal

    def _take(self, entry: Mapping[str, Any]) -> None:
        match entry["kind"]:
            case "begun":
                self._begun.add(entry["place"])
            case "done":
                self._done[entry["place"]] = TrajectoryStep(**entry["step"])
            case "answer":
                answer = ModelResponse.from_dict(entry["response"])
                self._answers.setdefault(entry["key"], []).append(answer)
                self._answered += 1
            case _:
                self.allowed.append(entry["pattern"])

    def keep_in(self, saver: Checkpoints) -> None:
        """Enter what happens from now on there."""
        self._saver = saver
        if self.beside is not None:
            saver.newest = self.beside

    @property
    def kept(self) -> bool:
        """Whether there is a store at all."""
        return self._saver is not None

    @property
    def _holds(self) -> bool:
        return self._saver is not None and self._saver.newest is self.beside

    def done(self, place: int) -> TrajectoryStep | None:
        """What the call came to before the run was cut off."""
        return self._done.get(place) if self._holds else None

    def unknown(self, place: int) -> bool:
        """Whether the call was begun then, and nobody knows what came of it."""
        return self._holds and place in self._begun and place not in self._done

    @property
    def has_answers(self) -> bool:
        return self._holds and bool(self._answers)

    def answer(self, key: str) -> ModelResponse | None:
        """An answer that was paid for before the run was cut off; each is given once."""
        answers = self._answers.get(key)
        return answers.pop(0) if answers and self._holds else None

    async def begin(self, place: int) -> bool:
        """Enter that a call is about to be made; False where that could not be kept."""
        return await self._enter(f"begun {place}", {"kind": "begun", "place": place})

    async def finish(self, place: int, step: TrajectoryStep) -> None:
        """Enter what came of it."""
        entry = {"kind": "done", "place": place, "step": step.to_dict()}
        await self._enter(f"done {place}", entry)

    async def answered(self, key: Callable[[], str], response: ModelResponse) -> None:
        """Enter an answer; ``key`` says to which request."""
        if self.kept:
            entry = {"kind": "answer", "key": key(), "response": response.to_dict()}
            self._answered += 1
            # A store gives entries by their names, and equal requests are answered in turn.
            await self._enter(f"answer {self._answered:06}", entry)

    async def allow(self, pattern: str) -> None:
        """Enter what a person has allowed for good."""
        await self._enter(f"allowed {uuid4().hex}", {"kind": "allowed", "pattern": pattern})

    async def _enter(self, name: str, entry: Mapping[str, Any]) -> bool:
        if self._saver is None:
            return False
        # As text: a model may write numbers that the store's own format does not hold.
        writes: Sequence[tuple[str, Any]] = [(CHANNEL, json.dumps(entry))]
        return await self._saver.keep_beside(writes, name)
