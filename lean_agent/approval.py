"""Approval: a yes for each call that changes something outside the run, or a pattern that stands
for it. Spec: gating ("Tool-call gate, per call").
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

__all__ = ["Approval", "ApprovalRequest", "Approvals", "Approve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """A call that waits for a yes.

    ``preview`` is what it would do: a diff, a command. A model wrote it, so whoever shows it makes
    its control characters visible first. ``pattern`` is what "always" would allow, "" where no
    pattern says it safely.
    """

    tool: str
    arguments: Mapping[str, Any]
    preview: str
    pattern: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The answer. ``reason`` is why not, for the model to read.

    "always" allows the request's pattern in all runs of the agent, as long as it lives; a run keeps
    it when another process resumes it.
    """

    verdict: Literal["once", "always", "deny"]
    reason: str = ""


Approve = Callable[[ApprovalRequest], Awaitable[Approval]]
"""Asks somebody. Runs side by side may ask at once. What it raises ends the run, the call unmade;
a run that is interrupted while it waits can be resumed, and asks again."""


@dataclass(slots=True, kw_only=True)
class Approvals:
    """What an agent's runs may do unasked, and whom they ask about the rest: nobody if None.

    ``always`` has what persons have allowed for good, beside what was ``allowed`` beforehand. A
    pattern is ``NAME``, or ``NAME:PATTERN`` for the calls whose subject fits: the path that is
    written, the address, the command. In both ``*`` stands for anything, "/" included.
    """

    allowed: list[str] = field(default_factory=list[str])
    always: list[str] = field(default_factory=list[str])
    ask: Approve | None = None

    def allow(self, patterns: Iterable[str]) -> None:
        """Allow for good what a person has said yes to."""
        self.always += (new for new in dict.fromkeys(patterns) if new not in self.always)

    def cover(self, tool: str, subject: str | None) -> bool:
        """Whether a pattern allows the call; of one without a subject only the bare name does."""
        return any(_covers(one, tool, subject) for one in (*self.allowed, *self.always))


def _covers(pattern: str, tool: str, subject: str | None) -> bool:
    name, colon, wanted = pattern.partition(":")
    if not fnmatchcase(tool, name):
        return False
    return not colon or (subject is not None and fnmatchcase(subject, wanted))
