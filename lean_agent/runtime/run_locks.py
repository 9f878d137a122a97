"""Who goes on with a run that is kept in a file: one at a time, of all processes of a machine.

A run has a byte of its own in a file beside the database, and who goes on with it holds a lock on
that byte: it ends with the process, whatever ends that, and no fork takes it along.
"""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

__all__ = ["give_back", "lock_number", "take"]

_BYTES = 7  # an offset in a file is a positive number of 63 bits


@dataclass(slots=True)
class _LockFile:
    """Opened once a process: closing any of its descriptors would end all locks on the file."""

    fd: int
    taken: set[int] = field(default_factory=set[int])


_guard = threading.Lock()
_files: dict[Path, _LockFile] = {}
os.register_at_fork(after_in_child=_files.clear)  # the locks are the parent's


def lock_number(run_id: str) -> int:
    """What stands for a run where only a number can: positive, of 56 bits."""
    return int.from_bytes(blake2b(run_id.encode(), digest_size=_BYTES).digest())


def take(path: Path, run_id: str) -> bool:
    """Whether the run is the caller's from now on, by a lock in the file whose real path it is.

    Raises:
        OSError: the file cannot be made or locked.
    """
    number = lock_number(run_id)
    with _guard:
        file = _files.get(path)
        if file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            file = _files[path] = _LockFile(os.open(path, flags, 0o600))
        try:
            if number not in file.taken:  # a process is never refused what it holds itself
                fcntl.lockf(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                file.taken.add(number)
                return True
        except BlockingIOError:
            pass
        finally:
            _close_unused(path)
    return False


def give_back(path: Path, run_id: str) -> None:
    """Let others go on with a run that was taken."""
    number = lock_number(run_id)
    with _guard:
        file = _files.get(path)
        if file is not None:  # else this is a fork
            fcntl.lockf(file.fd, fcntl.LOCK_UN, 1, number)
            file.taken.remove(number)
            _close_unused(path)


def _close_unused(path: Path) -> None:
    if not _files[path].taken:
        os.close(_files.pop(path).fd)
