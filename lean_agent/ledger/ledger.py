"""The writing end of the ledger. Spec: ledger ("Storage")."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from lean_agent._paths import ledger_dir
from lean_agent.ledger.budget_store import BudgetStore
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.flushing import FsyncPolicy, fsync_policy
from lean_agent.ledger.segments import Segment

__all__ = ["Ledger"]

_MAX_WAITING = 10_000
"""Lines kept in memory while the disk refuses them: about 7 MB."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Ledger:
    """Appends entries to a segment of this process in ``folder`` (default: the user's ledger).

    Nothing is created before the first entry. Safe to share between threads and after a fork.
    An entry is acknowledged once ``append`` has returned and survives ``kill -9`` from then on.
    ``fsync`` says what a power cut may take: with "never" (the default, or what
    LEAN_AGENT_LEDGER_FSYNC says) whatever the kernel had not yet written by itself, with "interval"
    the last second, with "always" nothing, at the price of a disk flush an entry.

    The order of entries is that of their ``ts``; where the clock was set back meanwhile it is off
    by as much, and nothing else is: no name or id depends on the clock alone.

    ``budget_store`` keeps what is spent under the folder's caps, in place of its own SQLite file.
    It stays open, and is the caller's to close.

    ``observers`` are called with each entry after it was written, in the thread that appends.

    Trouble with the disk never ends a run: entries wait in memory (at most 10,000, then the
    oldest go), ``take_notices`` says so, and every later append tries again.

    Raises:
        ConfigurationError: ``fsync`` or its variable is none of the three.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        fsync: FsyncPolicy | None = None,
        observers: Sequence[Callable[[Entry], None]] = (),
        budget_store: BudgetStore | None = None,
    ) -> None:
        # Absolute, so that a later change of the current folder does not split the ledger.
        self.folder: Path = (ledger_dir() if folder is None else Path(folder)).absolute()
        self.budget_store = budget_store
        self._fsync: FsyncPolicy = fsync_policy(fsync)
        self._observers = tuple(observers)
        self._begin()
        _ledgers.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._segment: Segment | None = None
        self._waiting: deque[bytes] = deque()
        self._failing = False
        self._lost = 0
        self._notices: list[str] = []
        self._told: set[tuple[int, str]] = set()

    def append(self, entry: Entry) -> None:
        """Write ``entry`` as one line; what the disk refuses is kept and tried again."""
        line = _encode(entry.to_row()).encode() + b"\n"
        with self._lock:
            self._waiting.append(line)
            self._drain()
        for number, observe in enumerate(self._observers):
            try:
                observe(entry)
            except Exception as error:  # noqa: BLE001 - whatever a user's observer raises
                self._note_once(number, error)

    def _note_once(self, number: int, error: Exception) -> None:
        # Not once a message: one that names the entry differs each time.
        kind = (number, type(error).__name__)
        with self._lock:
            if kind not in self._told:
                self._told.add(kind)
                self._notices.append(f"a ledger observer failed: {kind[1]}: {error}")

    def _repr_html_(self) -> str:
        """What a notebook shows: what was spent, by model."""
        from lean_agent._html import money, table, text
        from lean_agent.ledger.queries import summary

        left_out: list[str] = []
        rows = [
            (
                row["model"] or "tools",
                f"{row['calls']:,}",
                f"{row['input_tokens']:,}",
                f"{row['output_tokens']:,}",
                money(row["cost"], known=row["known_cost"]),
            )
            for row in summary(self.folder, left_out=left_out)
        ]
        head = ("model", "calls", "tokens in", "tokens out", "cost")
        notes = "\n".join((f"Ledger in {self.folder}", *left_out))
        return text(notes) + table(head, rows)

    def take_notices(self) -> list[str]:
        """What the user should be told since the last call, one line each."""
        with self._lock:
            notices, self._notices = self._notices, []
        return notices

    def close(self) -> None:
        """Try once more to write what waits, and close; a later append begins a new segment."""
        with self._lock:
            if self._waiting:
                self._drain()
            if self._waiting:
                self._lost += len(self._waiting)
                self._waiting.clear()
            self._tell_losses()
            if self._segment is not None:
                self._segment.close()
                self._segment = None

    def _drain(self) -> None:
        try:
            while self._waiting:
                if self._segment is None:
                    self._segment = Segment(self.folder, fsync=self._fsync)
                room = self._segment.append(self._waiting[0])
                # An interrupt here leaves the line twice; readers count an id once.
                self._waiting.popleft()
                if not room:
                    self._segment.close()
                    self._segment = None
        except OSError as error:
            self._keep(error)
        else:
            self._failing = False
            self._tell_losses()

    def _keep(self, error: OSError) -> None:
        # A file handle may stay bad after its disk is back, so the next try opens a new segment.
        if self._segment is not None:
            self._segment.discard()
            self._segment = None
        if not self._failing:
            self._failing = True
            self._notices.append(
                f"the ledger in {self.folder} cannot be written ({error.strerror or error}): "
                "costs are kept in memory, and written if it can be before this process ends"
            )
        if len(self._waiting) > _MAX_WAITING:
            self._waiting.popleft()
            self._lost += 1

    def _tell_losses(self) -> None:
        if self._lost:
            self._notices.append(
                f"{self._lost} ledger entries could not be written to {self.folder} and are lost"
            )
            self._lost = 0

    def _after_fork_in_child(self) -> None:
        # Another thread of the parent may have held the lock, and does not exist here to free it.
        # The segment, what waits and the notices are the parent's.
        if self._segment is not None:
            self._segment.abandon_after_fork()
        self._begin()


_ledgers: weakref.WeakSet[Ledger] = weakref.WeakSet()


def _forget_parents_segments() -> None:
    for ledger in list(_ledgers):
        ledger._after_fork_in_child()  # pyright: ignore[reportPrivateUsage]


os.register_at_fork(after_in_child=_forget_parents_segments)
