"""``lean-agent ledger compact``: many files into one."""

from __future__ import annotations

from lean_agent.cli import options as opt
from lean_agent.cli.ledger.notes import tell_problem
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json
from lean_agent.cli.text import count, size

__all__ = ["compact"]


def compact(json_: opt.Json = False) -> None:
    """Put what no process writes to any more into one Parquet file. Reports do so by themselves."""
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger import compaction

    done = compaction.compact(ledger_dir())
    if json_:
        print_json(done._asdict())
        return
    if done.segments:
        emit(
            f"{count(done.segments, 'segment')} ({size(done.bytes_before)}) compacted to one file"
            f" ({size(done.bytes_after)}) of {done.entries:,} entries\n"
        )
    else:
        emit("nothing to compact\n")
    for problem in (*done.problems, *done.set_aside):
        tell_problem(problem)
