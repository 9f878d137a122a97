"""Runs of webshop-like on either executor, in this process or in one that can be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from support.eval_runs import Silent
from support.shopping_server import MODEL, SUITE

from lean_agent import Budget
from lean_agent.ledger import queries
from lean_agent.models.registry import resolve_model
from lean_agent_evals.arms import arm_named
from lean_agent_evals.config import RunConfig
from lean_agent_evals.registry import open_suite
from lean_agent_evals.results import ResultsFolder
from lean_agent_evals.runner import RunEnd, evaluate

__all__ = ["COUNT", "descendants", "of_session", "paid", "run"]

COUNT = 24


async def run(
    folder: Path,
    url: str,
    *,
    observer: Silent | None = None,
    stop: asyncio.Event | None = None,
    **given: Any,
) -> RunEnd:
    known: dict[str, Any] = {
        "suite": SUITE,
        "count": COUNT,
        "arms": ("agent",),
        "model": MODEL,
        "base_url": url,
        "sample_budget": Budget(steps=8),
    }
    config = RunConfig(**known | given)
    return await evaluate(
        config,
        ResultsFolder(folder),
        suite=open_suite(SUITE),
        model=resolve_model(MODEL, base_url=url),
        arms=[arm_named(name) for name in config.arms],
        observer=observer or Silent(),
        stop=stop,
    )


def paid(folder: Path) -> Counter[tuple[str, int]]:
    """How often each step of each task was paid for, by the ledger."""
    _, rows = queries.sql(
        folder / "ledger",
        "select task_id, step from entries where operation = 'chat' and state = 'closed' "
        "and purpose <> 'probe' and finish_reason <> 'served' and error_type is null",
    )
    return Counter((task, step) for task, step in rows)


def _processes() -> dict[int, tuple[int, int, str]]:
    """Parent, session and command line of each that is no zombie."""
    found: dict[int, tuple[int, int, str]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, _, session, *_ = (
                path.joinpath("stat").read_text().rpartition(")")[2].split()
            )
            line = path.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended meanwhile
        if state != "Z":
            found[int(path.name)] = (int(parent), int(session), line)
    return found


def descendants(naming: str) -> list[int]:
    """Those of this process whose command line has the name in it.

    But for the server of multiprocessing that other tests fork from: its line names our folders.
    """
    processes = _processes()
    ours, more = {os.getpid()}, True
    while more:
        more = {pid for pid, (parent, _, _) in processes.items() if parent in ours} - ours
        ours |= more
    lines = {pid: processes[pid][2] for pid in ours - {os.getpid()}}
    return [pid for pid, line in lines.items() if naming in line and "forkserver" not in line]


def of_session(leader: int) -> list[str]:
    """The command lines of its processes."""
    return [line for _, session, line in _processes().values() if session == leader]


def main() -> None:
    """Run under Ray in a process of its own: FOLDER URL."""
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], executor="ray"))


if __name__ == "__main__":
    main()
