"""Runs are written down when that is asked for, and forgotten after a while."""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from lean_agent._paths import trajectories_file
from lean_agent.errors import ConfigurationError
from lean_agent.trajectory.record import Trajectory
from lean_agent.trajectory.scrubbing import Scrubber

__all__ = ["KEEP_DAYS", "Recorder", "days_ago"]

KEEP_DAYS: Final = 30
_KEEP_VARIABLE: Final = "LEAN_AGENT_RECORD_DAYS"
_KEEP_ALL: Final = "all"
_SECONDS_PER_DAY: Final = 86_400
_BLOCK: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Appends runs to a file (None: the user's own) that only its owner may read, without secrets.

    What is older than ``keep_days`` is removed as new runs come; None keeps all. Safe to share
    between processes.
    """

    path: Path | None = None
    keep_days: float | None = KEEP_DAYS

    @classmethod
    def of_user(cls) -> Recorder:
        """The user's own file, kept for as long as LEAN_AGENT_RECORD_DAYS says (else 30 days).

        Raises:
            ConfigurationError: that is neither a number of days nor ``all``.
        """
        told = os.environ.get(_KEEP_VARIABLE) or str(KEEP_DAYS)
        if told == _KEEP_ALL:
            return cls(keep_days=None)
        try:
            days = float(told)
        except ValueError:
            days = math.nan
        if not (math.isfinite(days) and days > 0):
            raise ConfigurationError(
                f"{_KEEP_VARIABLE} is {told!r}", hint=f"a number of days above 0, or {_KEEP_ALL}"
            )
        return cls(keep_days=days)

    @property
    def file(self) -> Path:
        """Where they are."""
        return self.path or trajectories_file()

    def record(self, found: Trajectory) -> None:
        """Write a run down.

        Raises:
            OSError: the disk refuses it.
        """
        if self.keep_days is not None and self._first_recorded() < days_ago(self.keep_days):
            self.purge(self.keep_days)
        line = f"{Scrubber(paths=False).trajectory(found).to_line()}\n".encode()
        with self._held(), _private(self.file) as file:
            _mend(file)
            file.write(line)

    def purge(self, older_than_days: float) -> int:
        """Remove the runs that were written down more than so many days ago; how many there were.

        Raises:
            OSError: the disk refuses it.
            ConfigurationError: a whole line is no trajectory.
        """
        until = days_ago(older_than_days)
        return self._remove(lambda found: found.source.recorded < until)

    def forget(self, ids: Collection[str]) -> int:
        """Remove the runs of these ids; how many there were.

        Raises:
            OSError: the disk refuses it.
            ConfigurationError: a whole line is no trajectory.
        """
        return self._remove(lambda found: found.id in ids)

    def judge(self, run_id: str, passed: bool) -> bool:
        """Write down whether a run did what it was for; False where it is not recorded.

        Raises:
            OSError: the disk refuses it.
            ConfigurationError: a whole line is no trajectory.
        """
        verdict = {"passed": passed, "reward": float(passed)}
        judged: list[Trajectory] = []

        def anew(line: bytes, found: Trajectory) -> bytes:
            if found.id != run_id:
                return line
            judged.append(found.model_copy(update=verdict))
            return f"{judged[-1].to_line()}\n".encode()

        self._rewrite(anew)
        return bool(judged)

    def _remove(self, goes: Callable[[Trajectory], bool]) -> int:
        return self._rewrite(lambda line, found: b"" if goes(found) else line)

    def _rewrite(self, anew: Callable[[bytes, Trajectory], bytes]) -> int:
        """Put for each line what it is to be, b"" for none; of how many that is something else."""
        if not self.file.exists():
            return 0
        with self._held():
            with _private(self.file) as file:
                _mend(file)
            changed = 0
            part = self.file.with_name(f".{self.file.name}.part")
            part.unlink(missing_ok=True)
            try:
                with self.file.open("rb") as lines, _private(part) as kept:
                    for number, line in enumerate(lines, 1):
                        new = anew(line, _read(line, self.file, number))
                        changed += new != line
                        kept.write(new)
                part.replace(self.file)
            finally:
                part.unlink(missing_ok=True)
            return changed

    def _first_recorded(self) -> float:
        """When the first line, about the oldest, was written; never, if there is none."""
        try:
            with self.file.open("rb") as lines:
                first = lines.readline()
        except FileNotFoundError:
            first = b""
        return _read(first, self.file, 1).source.recorded if first.endswith(b"\n") else math.inf

    @contextmanager
    def _held(self) -> Generator[None]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with _private(self.file.with_name(f".{self.file.name}.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def days_ago(days: float) -> float:
    """So many days before now, in seconds since 1970."""
    return time.time() - days * _SECONDS_PER_DAY


def _read(line: bytes, path: Path, number: int) -> Trajectory:
    try:
        return Trajectory.model_validate_json(line)
    except ValueError as error:
        raise ConfigurationError(
            f"{path}, line {number} is no trajectory", hint="take that line out"
        ) from error


def _private(path: Path) -> BinaryIO:
    """The file, made for its owner alone, open for reading and for appending."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab+")


def _mend(file: BinaryIO) -> None:
    """Cut off a line that a killed process did not finish."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        block = file.read(end - start)
        if b"\n" in block:
            end = start + block.rindex(b"\n") + 1
            break
        end = start
    file.truncate(end)
