"""Secrets and personal paths out of what is handed on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, cast

from lean_agent._redact import environment_secrets, redact
from lean_agent.trajectory.record import Trajectory

__all__ = ["Scrubber"]

_HOME: Final = "~"
_USER: Final = "user"
# Backslashes are doubled where a path stands in JSON or in code, and again in JSON within JSON. A
# Windows name may have blanks; one that does is taken whole only before the next backslash.
_PATHS = re.compile(
    r"(?i)((?:[a-z]:|\\\\[\w.$-]+)(?:\\{1,4}|/)(?:users|documents and settings)(?:\\{1,4}|/))"
    r"(?:[^\\/:*?\"<>|\r\n]{1,64}(?=\\)|[^\\/:*?\"<>|\s']{1,64})"
)
# In the JSON of some languages, and in URLs, a slash is written otherwise.
_SLASH: Final = r"(?:\\?/|%2[Ff])"
_POSIX = re.compile(rf"({_SLASH}(?:home|Users){_SLASH})(?!user\b)[^/\s\"'\\:;,<>|)\]}}%]{{1,64}}")


class Scrubber:
    """Replaces what looks like a secret, the keys of this process's environment, and, unless
    ``paths`` is false, home folders and the names of users in paths. ``changed`` counts the texts
    in which something was replaced.

    Other personal data, such as names and addresses in prose, it does not know.
    """

    def __init__(self, *, paths: bool = True) -> None:
        self.changed: int = 0
        self._paths = paths
        self._known = environment_secrets()
        home = str(Path.home())
        self._home = home if len(home) > 1 else None

    def text(self, text: str) -> str:
        """The text without them."""
        found = redact(text, *self._known)
        if self._paths:
            found = self._without_people(found)
        self.changed += found != text
        return found

    def _without_people(self, found: str) -> str:
        if self._home is not None and self._home in found:
            found = re.sub(re.escape(self._home) + r"(?![\w.-])", _HOME, found)
        if "/" in found or "%2" in found:
            found = _POSIX.sub(rf"\g<1>{_USER}", found)
        if "\\" in found or ":/" in found:
            found = _PATHS.sub(rf"\g<1>{_USER}", found)
        return found

    def value(self, value: Any) -> Any:
        """Plain JSON types with every text in them scrubbed, keys of objects included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {self.text(name): self.value(item) for name, item in items}
        if isinstance(value, list):
            return [self.value(item) for item in cast("list[Any]", value)]
        return value

    def trajectory(self, found: Trajectory) -> Trajectory:
        """The same trajectory with all of its texts scrubbed."""
        steps = [
            step.model_copy(
                update={
                    "arguments": self.value(step.arguments),
                    "thought": self.text(step.thought),
                    "observation": self.text(step.observation),
                }
            )
            for step in found.steps
        ]
        return found.model_copy(
            update={
                "id": self.text(found.id),
                "task_id": self.text(found.task_id),
                "question": self.text(found.question),
                "answers": self.value(found.answers),
                "instructions": self.text(found.instructions),
                "output": self.text(found.output),
                "steps": steps,
            }
        )
