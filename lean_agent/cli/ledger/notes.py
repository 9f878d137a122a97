"""What a reporting command tells beside its report, on standard error."""

from __future__ import annotations

import sys
from pathlib import Path

from lean_agent.cli.streams import say, styled
from lean_agent.cli.text import one_line
from lean_agent.errors import LedgerError

__all__ = ["compact_first", "tell_empty", "tell_problem", "tell_problems"]


def tell_empty(since: float | None, until: float | None) -> None:
    """Say why there is nothing to report."""
    if since is None and until is None:
        say('the ledger is empty; lean-agent ask "..." makes the first entry')
    else:
        say("the ledger has no entries in that time")


def tell_problems(folder: Path) -> None:
    """Name what the report had to leave out."""
    from lean_agent.ledger import queries

    for problem in queries.problems(folder):
        tell_problem(problem)


def tell_problem(problem: str) -> None:
    """One line on what was left out."""
    say(f"note: {one_line(problem)}")


def compact_first(folder: Path) -> None:
    """Compact a ledger that has grown, so that this report and the next are quick."""
    from lean_agent.ledger.compaction import compact, worth_compacting

    if not worth_compacting(folder):
        return
    line = "compacting the ledger ..."
    say(f"\x1b[2m{line}\x1b[0m" if styled(sys.stderr) else line)
    try:
        done = compact(folder)
    except LedgerError as error:
        tell_problem(str(error))
        return
    for problem in done.set_aside:  # what else there is, tell_problems finds as well
        tell_problem(problem)
