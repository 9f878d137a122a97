"""Tools: what the model is told of them, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from lean_agent.context import RunContext

__all__ = ["Foreseeing", "Holding", "Prefetching", "Preview", "Previewing", "Tool", "ToolSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a model sees of a tool, and what the runtime needs to call it safely.

    ``parameters`` is a JSON schema of type object. ``side_effects``: the call changes something
    outside the run, so it is never served from memory. ``idempotent``: made twice it changes no
    more than once, so a call that a kill cut off is made again. ``concurrency_safe``: may run
    beside other calls of the same step. ``timeout`` is in seconds; ``max_output_chars`` bounds what
    the model is shown of a result. ``word_parameters`` are those in which case and blanks make no
    difference.
    ``cost_hint`` is what a call costs in US dollars by itself, such as one of a paid service; the
    run is charged it, as an estimate. ``approval``: each call needs a yes, as every call with side
    effects does, though this one changes nothing: what it sends leaves the machine.
    ``asks_within``: its side effects are those of calls inside it, for each of which somebody is
    asked by itself, so that the call as a whole needs no yes.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    side_effects: bool = False
    idempotent: bool = False
    concurrency_safe: bool = True
    timeout: float = 60.0
    max_output_chars: int = 4_000
    word_parameters: frozenset[str] = frozenset()
    cost_hint: Decimal | None = None
    approval: bool = False
    asks_within: bool = False

    @property
    def needs_approval(self) -> bool:
        return self.approval or (self.side_effects and not self.asks_within)


@runtime_checkable
class Tool(Protocol):
    """A callable with a spec.

    Raises:
        ToolError: a message for the model. Any other exception is shown to it too, without its
            traceback.
    """

    @property
    def spec(self) -> ToolSpec: ...

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a call would do, for whoever is asked to approve it: ``text`` is a diff or a command.

    ``subject`` is what patterns are held against, such as the path that is written; None where a
    pattern cannot tell what would happen. ``always`` is the pattern of what else may be done once
    the answer is "always"; "" for this subject alone.
    """

    text: str
    subject: str | None
    always: str = ""


@runtime_checkable
class Previewing(Protocol):
    """A tool that can say what a call would do before it does it."""

    async def preview(self, arguments: Mapping[str, Any], ctx: RunContext) -> Preview | None:
        """None where the arguments say it all. Changes nothing.

        Raises:
            ToolError: the call would fail; the model is told why, and nobody is asked.
        """
        ...


@runtime_checkable
class Prefetching(Protocol):
    """A tool that searches for a text and can begin before the model has written its call.

    The runtime begins with the user's question, with a plan's parts and with what stands of a call
    that is still being written; a call then finds what fits it through ``ctx.prefetched``. Never a
    tool with side effects: most of what is begun is for nothing.
    """

    @property
    def prefetched(self) -> str:
        """The argument that holds the text; "" switches it off."""
        ...

    async def prefetch(self, arguments: Mapping[str, Any], ctx: RunContext) -> Any:
        """What ``ctx.prefetched`` is to hand to a call. If it embeds, then the text, and alone.

        Raises:
            Exception: whatever it likes; the call then does without.
        """
        ...


@runtime_checkable
class Holding(Protocol):
    """A tool over a collection that can tell, for nothing, whether a task is about it: by this the
    gate tells a question for the documents from one that any model answers.
    """

    async def holds(self, names: Sequence[str]) -> bool | None:
        """Whether any of the names, a word each, stands in it; None where it cannot tell."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """A tool that can tell, for nothing, which of its calls a task is sure to want: an agent begins
    with these, and pays no model to think of them.
    """

    async def foreseen(self, task: str, ctx: RunContext) -> Sequence[Mapping[str, Any]]:
        """The arguments of each such call, mostly none. Asked before an agent's first call; it
        changes nothing.

        Raises:
            Exception: whatever it likes; nothing is foreseen then.
        """
        ...
