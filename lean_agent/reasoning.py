"""How reason mode thinks: a problem and a way to ask in, the conversation that it came to out.

A strategy decides what is asked, in what order and with how many tokens each. It pays nothing and
knows no limits: ``ask`` does. Names are resolved by ``thinking/named.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse

__all__ = ["ANSWER_MARK", "MARKED", "Ask", "Problem", "Reasoning"]

ANSWER_MARK: Final = "Answer:"
"""What follows it in the last message is the answer."""

MARKED: Final = f"write the answer alone on a last line that begins with '{ANSWER_MARK}'."
"""Asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be thought about.

    ``earlier`` are the messages before the task, with which every request must begin. ``tokens`` is
    what may be written in all calls together. ``held_to_schemas`` says that the server holds the
    output to a request's ``response_schema``; else only the prompt can ask for a form.
    """

    task: str
    earlier: tuple[Message, ...]
    tokens: int
    held_to_schemas: bool = False


class Ask(Protocol):
    """A model call, charged to the run; temperature and seed are the run's where they are open."""

    async def __call__(
        self,
        request: ModelRequest,
        *,
        purpose: Literal["reason", "plan"] = "reason",
        last: bool = False,
    ) -> ModelResponse:
        """``last`` calls may use what the budget holds back for the end; ``plan`` ones are no step.

        Calls may be made side by side.

        Raises:
            LimitExceededError: nothing was sent. A strategy lets it through: the run then asks for
                the answer from what stands by then.
            ModelError: as models do.
        """
        ...


@runtime_checkable
class Reasoning(Protocol):
    """A strategy. It keeps nothing from one problem to the next: runs share it."""

    @property
    def most_calls(self) -> int:
        """The most calls that it makes for one problem."""
        ...

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        """What comes after ``earlier``: it begins with the user and ends with the model.

        Where its last message holds no marked answer the run asks for one.
        """
        ...
