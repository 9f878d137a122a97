"""Every way a command can end badly, as one line, a hint and an exit code."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from typing import Any

from lean_agent._redact import environment_secrets, redact
from lean_agent.cli.streams import say
from lean_agent.cli.text import one_line
from lean_agent.errors import ConfigurationError, LeanAgentError

__all__ = ["EXIT_INTERRUPTED", "EXIT_LIMIT", "EXIT_USAGE", "Failure", "describe", "usage_error"]

EXIT_USAGE = 2
EXIT_LIMIT = 3
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Failure:
    """What is told of an error: never a traceback, never a secret."""

    code: str
    message: str
    hint: str
    exit_code: int

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "hint": self.hint}

    def print(self) -> None:
        """Write ``error:`` and ``hint:`` lines to standard error."""
        say(f"error: {self.message}")
        if self.hint:
            say(f"hint: {self.hint}")


def usage_error(message: str, hint: str) -> ConfigurationError:
    """The user's mistake on the command line."""
    error = ConfigurationError(message, hint=hint)
    error.code = "usage"
    return error


def describe(error: BaseException) -> Failure:
    """Put any exception in words. With LEAN_AGENT_DEBUG set, its traceback is printed as well."""
    if os.environ.get("LEAN_AGENT_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    if isinstance(error, LeanAgentError):
        code, message, hint, status = error.code, error.message, error.hint, error.exit_code
    elif isinstance(error, (KeyboardInterrupt, SystemExit)):
        code, message, hint, status = "interrupted", "interrupted", "", EXIT_INTERRUPTED
    elif isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        code, message, hint, status = "os", f"{error.strerror or error}{where}", "", 1
    else:
        code, status = "internal", 1
        message = f"unexpected {type(error).__name__}: {error}"
        hint = "this is a bug; LEAN_AGENT_DEBUG=1 shows where it happened"
    return Failure(code, _told(message) or code, _told(hint), status)


def _told(text: str) -> str:
    """One line without terminal codes and without secrets."""
    return one_line(redact(text, *environment_secrets()))
