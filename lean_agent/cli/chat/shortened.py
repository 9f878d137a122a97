"""What the model is sent of a conversation that has been compacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lean_agent.messages import Message

__all__ = ["Shortened"]


@dataclass(frozen=True, slots=True)
class Shortened:
    """``messages`` are sent in place of the first ``until`` of a conversation's."""

    messages: tuple[Message, ...] = ()
    until: int = 0

    def of(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """What is sent of the conversation."""
        return (*self.messages, *messages[self.until :])

    def to_dict(self) -> dict[str, Any]:
        return {"messages": [one.to_dict() for one in self.messages], "until": self.until}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(Message.from_dict(one) for one in data["messages"]), int(data["until"]))
