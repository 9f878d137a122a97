"""Conversations: what lasts from one question to the next, and from one day to the next.

One of a person's at a terminal is saved after each answer, in a file that only its owner can read,
and forgotten when it has been left for 30 days.
"""

from __future__ import annotations

import itertools
import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lean_agent._paths import state_dir
from lean_agent.cli.chat.shortened import Shortened
from lean_agent.cli.failures import usage_error
from lean_agent.cli.options import RunOptions
from lean_agent.cli.private_files import write_private
from lean_agent.cli.text import count
from lean_agent.errors import ConfigurationError
from lean_agent.messages import Message
from lean_agent.result import RunResult
from lean_agent.usage import Usage

__all__ = ["Conversation", "Unanswered", "check_name", "find_saved", "saved_conversations"]

_DAYS = 30
_SECONDS_PER_DAY = 86_400
_NAME_LENGTH = 32


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question whose run has not come to its end: the process may have been killed."""

    run_id: str
    question: str


@dataclass(slots=True, kw_only=True)
class Conversation:
    """``messages`` are what was said, ``context`` is what of it the next question follows on; it is
    less once it was ``shortened``. ``turns`` says how many messages there were before each question
    that stands in them. The sums are over every run, kept or undone. ``branch_of`` is the name of
    the one that it was copied from, "" for none.
    """

    options: RunOptions
    name: str = ""
    branch_of: str = ""
    session_id: str = field(default_factory=_new_id)
    messages: tuple[Message, ...] = ()
    turns: list[int] = field(default_factory=list[int])
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    steps: int = 0
    tool_calls: int = 0
    answers: int = 0
    last_used: float = 0.0
    unanswered: Unanswered | None = None
    shortened: Shortened = field(default_factory=Shortened)

    @property
    def context(self) -> tuple[Message, ...]:
        return self.shortened.of(self.messages)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to go on with."""
        return not self.turns and self.unanswered is None

    @property
    def summary(self) -> str:
        """One line for whoever goes on with it: how many questions, and the last of them."""
        if not self.turns:
            return f"{self.name}: no question yet"
        since = self.messages[self.turns[-1] :]
        asked = (one.content for one in since if one.role == "user" and not one.images)
        number = count(len(self.turns), "question")
        return f"{self.name}: {number} so far, the last: {next(asked, '')}"

    def began(self, question: str, run_id: str) -> None:
        """A run answers a question from now on, until ``charge`` is told what it took."""
        self.unanswered = Unanswered(run_id, question)
        self.name = self.name or _name_for(question, self.session_id)

    def charge(self, result: RunResult) -> None:
        """Add what a run took."""
        self.usage += result.usage
        self.seconds += result.seconds
        self.steps += result.steps
        self.tool_calls += result.tool_calls
        self.answers += 1
        self.unanswered = None

    def remember(self, question: str, result: RunResult) -> None:
        """Go on from this answer, if there is one."""
        before = len(self.messages)
        if result.exit_status == "completed":
            self.messages += result.messages[len(self.context) :]
            if result.context and result.context != result.messages:
                self.shortened = Shortened(result.context, len(self.messages))
        elif result.output:
            # A run cut short may end in a call without its result, which servers refuse.
            opening = self.messages or result.messages[:1]
            pictures = [one for one in result.messages[len(self.context) :] if one.images]
            asked, said = Message("user", question), Message("assistant", result.output)
            self.messages = (*opening, *pictures, asked, said)
        else:
            return
        self.turns.append(before)
        self.name = self.name or _name_for(question, self.session_id)

    def undo(self) -> bool:
        """Forget the last question and its answer; False if there is none."""
        if not self.turns:
            return False
        self.messages = self.messages[: self.turns.pop()]
        if len(self.messages) < self.shortened.until:
            self.shortened = Shortened()
        return True

    def compact(self) -> tuple[int, int]:
        """Have the next question follow on less: estimated tokens before and after."""
        from lean_agent.model import ModelRequest
        from lean_agent.models.tokens import estimate_usage
        from lean_agent.runtime.compacting import compact

        before = self.context
        after = compact(before, earlier=len(before)).messages
        tokens = [
            estimate_usage(ModelRequest(messages=one), "").input_tokens for one in (before, after)
        ]
        if tokens[1] < tokens[0]:
            self.shortened = Shortened(after, len(self.messages))
        return tokens[0], tokens[1]

    def begin_anew(self) -> None:
        """Another conversation, under a name of its own; the sums stay."""
        self.name, self.branch_of, self.session_id = "", "", _new_id()
        self.messages, self.turns, self.unanswered = (), [], None
        self.shortened = Shortened()

    def branch(self, name: str = "") -> Conversation:
        """A copy that goes on by itself, under another name; its sums begin anew.

        Raises:
            ConfigurationError: there is nothing in it yet, or another one has that name.
        """
        if not self.turns:
            raise usage_error("there is nothing to branch yet", "ask a question first")
        if name:
            check_name(name)
        return Conversation(
            options=self.options,
            name=name or _free_name(self.name),
            branch_of=self.name,
            messages=self.messages,
            turns=[*self.turns],
            shortened=self.shortened,
        )

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
            "shortened": self.shortened.to_dict(),
            "usage": self.usage.to_dict(),
            "seconds": self.seconds,
            "steps": self.steps,
            "tool_calls": self.tool_calls,
            "answers": self.answers,
            "last_used": self.last_used,
            "branch_of": self.branch_of,
            "unanswered": None if self.unanswered is None else asdict(self.unanswered),
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
            branch_of=str(data.get("branch_of", "")),
            unanswered=Unanswered(**data["unanswered"]) if data.get("unanswered") else None,
            shortened=Shortened.from_dict(data.get("shortened") or {"messages": [], "until": 0}),
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


def check_name(name: str, session_id: str = "") -> None:
    """Refuse a name that another conversation than that one has.

    Raises:
        ConfigurationError: it does.
    """
    if name in _taken(session_id):
        raise usage_error(f"another session is called {name!r}", "choose another name")


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
    name = words or "session"
    return name if name not in _taken(session_id) else f"{name}-{session_id[:4]}"


def _free_name(name: str) -> str:
    """The name with a number: name-2, name-3."""
    taken = _taken("")
    return next(f"{name}-{n}" for n in itertools.count(2) if f"{name}-{n}" not in taken)


def _taken(session_id: str) -> set[str]:
    """The names of all but that conversation."""
    return {one.name for one in saved_conversations() if one.session_id != session_id}
