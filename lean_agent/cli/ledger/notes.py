"""What a reporting command tells beside its report, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from lean_agent.cli.streams import say, styled
from lean_agent.cli.text import one_line
from lean_agent.errors import LedgerError

__all__ = ["compacted_ledger", "tell_empty", "tell_problem", "tell_problems"]


def tell_empty(since: float | None, until: float | None) -> None:
    """Say why there is nothing to report."""
    if since is None and until is None:
        say('the ledger is empty; lean-agent ask "..." makes the first entry')
    else:
        say("the ledger has no entries in that time")


def tell_problems(problems: Iterable[str]) -> None:
    """Name what the report had to leave out."""
    for problem in problems:
        tell_problem(problem)


def tell_problem(problem: str) -> None:
    """One line on what was left out."""
    say(f"note: {one_line(problem)}")


def compacted_ledger() -> Path:
    """The ledger's folder, compacted where it has grown: this report and the next are quick."""
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger.compaction import compact, worth_compacting

    folder = ledger_dir()
    if not worth_compacting(folder):
        return folder
    line = "compacting the ledger ..."
    say(f"\x1b[2m{line}\x1b[0m" if styled(sys.stderr) else line)
    try:
        tell_problems(compact(folder).set_aside)  # the report tells the other problems
    except LedgerError as error:
        tell_problem(str(error))
    return folder
