"""For programs of one's own: an error ends them as it ends a command of ours."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from lean_agent.cli.failures import describe
from lean_agent.errors import LeanAgentError

__all__ = ["exit_on_error"]


@contextmanager
def exit_on_error() -> Generator[None]:
    """End the program with one line, a hint and an exit code, in place of a traceback.

    That is for what its user can mend: a LeanAgentError, a file that cannot be read or written, and
    Ctrl-C. The codes are those of the command line; LEAN_AGENT_DEBUG=1 shows the traceback, too.
    Anything else is a bug of the program and is left as it is.
    """
    try:
        yield
    except (LeanAgentError, OSError, KeyboardInterrupt) as error:
        failure = describe(error)
        failure.print()
        sys.exit(failure.exit_code)
