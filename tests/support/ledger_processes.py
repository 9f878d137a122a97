"""Processes that write to a ledger or compact it until they are killed.

Run as a program it forks them quickly, one per line of standard input, and answers each line with
the process id; the line ``reap PID`` waits for that process and answers how it ended. DuckDB is
imported but not used before a fork, so that children start in a moment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.chmod", "shutil.rmtree"}


def write(folder: str, acknowledged: str, fsync: Any) -> None:
    """Append open and closed entries for ever; record each once ``append`` has returned."""
    from lean_agent.ledger import segments
    from lean_agent.ledger.entries import Entry
    from lean_agent.ledger.ledger import Ledger
    from lean_agent.usage import Usage

    segments._MAX_BYTES = 100_000  # type: ignore[misc] # pyright: ignore
    ledger = Ledger(Path(folder), fsync=fsync)
    fd = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        opened = Entry(
            run_id="run",
            operation="chat",
            purpose="act",
            usage=Usage(),
            tool="t" * 200,
            state="open",
        )
        ledger.append(opened)
        os.write(fd, f"{opened.id} open\n".encode())
        ledger.append(replace(opened, state="closed"))
        os.write(fd, f"{opened.id} closed\n".encode())


def compact(folder: str, changes: str) -> None:
    """Compact, and be killed just before the file system is changed the so manieth time."""
    from lean_agent.ledger.compaction import compact

    left = int(changes)

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in CHANGES:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    compact(Path(folder))


def compact_on(folder: str) -> None:
    """Compact for ever."""
    from lean_agent.ledger.compaction import compact

    while True:
        compact(Path(folder))


class Nursery:
    """Starts such processes; none is left when it ends."""

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._running: set[int] = set()
        return self

    def start(self, work: Callable[..., None], *arguments: object) -> int:
        """The id of a new process that does ``work``."""
        pid = int(self._ask("\t".join([work.__name__, *map(str, arguments)])))
        self._running.add(pid)
        return pid

    def end(self, pid: int) -> int:
        """Wait for a process; its exit code, less than 0 if it was killed."""
        self._running.discard(pid)
        return int(self._ask(f"reap\t{pid}"))

    def kill(self, pid: int) -> int:
        os.kill(pid, signal.SIGKILL)
        return self.end(pid)

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pid in list(self._running):
            self.kill(pid)
        self._process.communicate()


def main() -> None:
    import duckdb  # noqa: F401 # pyright: ignore[reportUnusedImport]
    import filelock  # noqa: F401 # pyright: ignore[reportUnusedImport]

    import lean_agent.ledger.compaction  # pyright: ignore[reportUnusedImport]
    import lean_agent.ledger.ledger  # noqa: F401 # pyright: ignore[reportUnusedImport]

    for line in sys.stdin:
        verb, *arguments = line.rstrip("\n").split("\t")
        if verb == "reap":
            _, status = os.waitpid(int(arguments[0]), 0)
            sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
            sys.stdout.flush()
            continue
        pid = os.fork()
        if pid == 0:
            globals()[verb](*arguments)
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
