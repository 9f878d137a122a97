"""What a run's model is told of its tools: of many only those that matter, and more when it asks.

Append-only: what is told first stays the same bytes through all steps, turns and parts of a run,
and what is told later stands in a new message. So it can be read off the messages. Spec: gating.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from lean_agent._threads import in_daemon_thread
from lean_agent.context import RunContext
from lean_agent.model import ActionFormat
from lean_agent.models.actions import instructions, more_instructions
from lean_agent.runtime import prompts
from lean_agent.runtime.narrowing import FIND_TOOLS, Catalogue
from lean_agent.tool_spec import ToolSpec

__all__ = ["Disclosed", "FindTools"]

_Messages = Sequence[Mapping[str, Any]]


class Disclosed:
    """The tools that one part of a run has told its model of.

    Where they are few, that is all of them. Else native calls are offered those that the words of
    the conversation's first message ask for, in every request; the other formats tell of those that
    the first task for an agent asks for, in its message. A later task adds a few.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._format: ActionFormat = "tagged"
        self._chosen = self._narrowed = False
        self._first = catalogue.specs
        self._later: dict[str, ToolSpec] = {}
        self._seen = 0

    @property
    def first(self) -> tuple[ToolSpec, ...]:
        """What every request that offers tools tells of outside of its messages."""
        return self._first

    @property
    def all(self) -> tuple[ToolSpec, ...]:
        """What the model may call, in the order in which it was told."""
        return (*self._first, *self._later.values())

    async def choose(
        self, action_format: ActionFormat, messages: _Messages, question: str = ""
    ) -> None:
        """Settle, once, what is told first. ``question`` begins a conversation that has no message
        yet.
        """
        if self._chosen:
            return
        self._format = action_format
        self._narrowed = not self._catalogue.fits(action_format)
        if self._narrowed and action_format == "native":
            said = next((m["content"] for m in messages if _asks(m)), question)
            self._first = await self._fitting(prompts.question_of(said))
        elif self._narrowed:
            self._first = ()
        self._chosen = True

    def forget(self) -> None:
        """Begin anew, for another model, which may act in another format."""
        self._chosen = self._narrowed = False
        self._first = self._catalogue.specs
        self._later.clear()
        self._seen = 0

    async def go_on(self, action_format: ActionFormat | None, messages: _Messages) -> None:
        """Take up what earlier turns and parts of a run have told, where the format is known."""
        if action_format is not None and any(_asks(m) for m in messages):
            await self.follow(action_format, messages)

    async def follow(self, action_format: ActionFormat, messages: _Messages) -> None:
        """Take in what a run's messages, which only grow, have told since the last time."""
        await self.choose(action_format, messages)
        if not self._narrowed:
            return
        known = {spec.name for spec in self._first}
        for message in messages[self._seen :]:
            for line in message["content"].split("\n"):
                spec = self._catalogue.told_by(action_format, line)
                if spec is not None and spec.name not in known:
                    self._later[spec.name] = spec
        self._seen = len(messages)

    async def begin(self, action_format: ActionFormat, messages: _Messages, question: str) -> str:
        """What the message that asks an agent a question tells of tools besides; "" for nothing."""
        await self.choose(action_format, messages, question)
        if not self._narrowed:
            text = instructions(action_format, self._first)
            return "" if any(text in message["content"] for message in messages) else text
        await self.follow(action_format, messages)
        if action_format != "native" and not self._later:
            return instructions(action_format, await self._fitting(question))
        if not any(_asks(message) for message in messages):
            return ""  # it is the question that they were chosen by
        few = await in_daemon_thread(partial(self._catalogue.more, action_format, question, ()))
        known = {spec.name for spec in self.all}
        return more_instructions(action_format, [spec for spec in few if spec.name not in known])

    async def find(self, query: str) -> str:
        """What the model reads of the tools that fit a query and that it was not told of."""
        known = {spec.name for spec in self.all}
        found = await in_daemon_thread(partial(self._catalogue.more, self._format, query, known))
        return more_instructions(self._format, found) or prompts.no_more_tools()

    async def _fitting(self, question: str) -> tuple[ToolSpec, ...]:
        return await in_daemon_thread(partial(self._catalogue.first, self._format, question))


def _asks(message: Mapping[str, Any]) -> bool:
    """Whether it is a question, or goes with one; pictures stand before theirs."""
    return message["role"] == "user" and not message.get("images")


class FindTools:
    """The tool by which a model asks for more tools."""

    def __init__(self, disclosed: Disclosed) -> None:
        self._disclosed = disclosed

    @property
    def spec(self) -> ToolSpec:
        return FIND_TOOLS

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        """The best that fit. Never fails."""
        return await self._disclosed.find(str(arguments.get("query", "")))
