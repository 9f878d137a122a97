"""Conversations: what lasts from one question to the next, and from one day to the next.

One of a person's at a terminal is saved after each answer, in a file that only its owner can read,
and forgotten when it has been left for 30 days.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lean_agent._paths import state_dir
from lean_agent.cli.options import RunOptions
from lean_agent.cli.private_files import write_private
from lean_agent.errors import ConfigurationError
from lean_agent.messages import Message
from lean_agent.result import RunResult
from lean_agent.usage import Usage

__all__ = ["Conversation", "find_saved", "saved_conversations"]

_DAYS = 30
_SECONDS_PER_DAY = 86_400
_NAME_LENGTH = 32


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(slots=True, kw_only=True)
class Conversation:
    """``messages`` are what the next question follows on; ``turns`` says how many there were before
    each question that stands in them. The sums are over every run, kept or undone.
    """

    options: RunOptions
    name: str = ""
    session_id: str = field(default_factory=_new_id)
    messages: tuple[Message, ...] = ()
    turns: list[int] = field(default_factory=list[int])
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    steps: int = 0
    tool_calls: int = 0
    answers: int = 0
    last_used: float = 0.0

    def charge(self, result: RunResult) -> None:
        """Add what a run took."""
        self.usage += result.usage
        self.seconds += result.seconds
        self.steps += result.steps
        self.tool_calls += result.tool_calls
        self.answers += 1

    def remember(self, question: str, result: RunResult) -> None:
        """Go on from this answer, if there is one."""
        before = len(self.messages)
        if result.exit_status == "completed":
            self.messages = result.messages
        elif result.output:
            # A run cut short may end in a call without its result, which servers refuse.
            opening = self.messages or result.messages[:1]
            asked, said = Message("user", question), Message("assistant", result.output)
            self.messages = (*opening, asked, said)
        else:
            return
        self.turns.append(before)
        self.name = self.name or _name_for(question, self.session_id)

    def undo(self) -> bool:
        """Forget the last question and its answer; False if there is none."""
        if not self.turns:
            return False
        self.messages = self.messages[: self.turns.pop()]
        return True

    def begin_anew(self) -> None:
        """Another conversation, under a name of its own; the sums stay."""
        self.name, self.session_id = "", _new_id()
        self.messages, self.turns = (), []

    def save(self) -> None:
        """Write it down.

        Raises:
            OSError: the disk refuses it.
        """
        self.last_used = time.time()
        data = {
            "name": self.name,
            "options": self.options.to_dict(),
            "messages": [message.to_dict() for message in self.messages],
            "turns": self.turns,
            "usage": self.usage.to_dict(),
            "seconds": self.seconds,
            "steps": self.steps,
            "tool_calls": self.tool_calls,
            "answers": self.answers,
            "last_used": self.last_used,
        }
        write_private(_path(self.session_id), data)

    def forget(self) -> None:
        """Delete what was saved of it."""
        _path(self.session_id).unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Conversation:
        """The saved one.

        Raises:
            OSError, ValueError, KeyError, TypeError: it cannot be read, or is something else.
        """
        data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            name=str(data["name"]),
            session_id=path.stem,
            options=RunOptions.from_dict(data["options"]),
            messages=tuple(Message.from_dict(message) for message in data["messages"]),
            turns=[int(turn) for turn in data["turns"]],
            usage=Usage.from_dict(data["usage"]),
            seconds=float(data["seconds"]),
            steps=int(data["steps"]),
            tool_calls=int(data["tool_calls"]),
            answers=int(data["answers"]),
            last_used=float(data["last_used"]),
        )


def saved_conversations() -> list[Conversation]:
    """All of them, the last used first; what is no such file is left out."""
    found: list[Conversation] = []
    for path in _folder().glob("*.json"):
        try:
            found.append(Conversation.load(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    oldest = time.time() - _DAYS * _SECONDS_PER_DAY
    for conversation in found:
        if conversation.last_used < oldest:
            conversation.forget()
    kept = [conversation for conversation in found if conversation.last_used >= oldest]
    return sorted(kept, key=lambda conversation: conversation.last_used, reverse=True)


def find_saved(name: str) -> Conversation:
    """The one of that name, or the only one whose name begins so.

    Raises:
        ConfigurationError: there is none, or there are several.
    """
    saved = saved_conversations()
    exact = [one for one in saved if one.name == name]
    matching = exact or [one for one in saved if one.name.startswith(name)]
    if not matching:
        raise ConfigurationError(
            f"there is no session {name!r}", hint="`lean-agent sessions list` shows those there are"
        )
    if len(matching) > 1:
        names = ", ".join(one.name for one in matching[:3])
        raise ConfigurationError(f"several sessions begin with {name!r}", hint=f"one of: {names}")
    return matching[0]


def _folder() -> Path:
    return state_dir() / "sessions"


def _path(session_id: str) -> Path:
    return _folder() / f"{session_id}.json"


def _name_for(question: str, session_id: str) -> str:
    """The question's first words, and what tells it from another session that began so."""
    words = re.sub(r"\W+", "-", question.lower()).strip("-")
    if len(words) > _NAME_LENGTH:
        cut = words[: _NAME_LENGTH + 1]
        words = cut.rpartition("-")[0] or cut
    taken = {one.name for one in saved_conversations() if one.session_id != session_id}
    name = words or "session"
    return name if name not in taken else f"{name}-{session_id[:4]}"
