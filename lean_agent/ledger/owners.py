"""Whether the process that reserved something still lives: it holds a lock on a file of its own.

A process id would not do, since it comes back, and means nothing in another container.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from pathlib import Path

__all__ = ["Owner", "is_dead"]


class Owner:
    """This process, for as long as it lives or until ``close``; OSError if no file can be made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name = uuid.uuid4().hex
        self._path = folder / self.name
        temporary = folder / f".{self.name}"
        self._fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary.rename(self._path)  # only now, so that nobody meets it unlocked

    def close(self) -> None:
        """Leave: from now on this owner counts as dead."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self.abandon()

    def abandon(self) -> None:
        """In a fork: let go of the parent's file, which stays the parent's."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def is_dead(folder: Path, name: str) -> bool:
    """Whether an owner is gone; its file is then removed."""
    path = folder / name
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # another user's, perhaps: nobody can say
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        with contextlib.suppress(OSError):
            path.unlink()
        return True
    finally:
        os.close(fd)
