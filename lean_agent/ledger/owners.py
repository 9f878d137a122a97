"""Whether the process that reserved something still lives: it holds a lock on a file of its own.

A process id would not do, since it comes back, and means nothing in another container.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
import weakref
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Owner", "find_dead"]


class Owner:
    """This process, for as long as it lives or until ``close``; OSError if no file can be made.

    ``gone`` is true after that, and in a fork: the file stays the parent's.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name: str = uuid.uuid4().hex
        self._path = folder / self.name
        unseen = folder / f".{self.name}"
        self._fd = os.open(unseen, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unseen.rename(self._path)  # only now, so that nobody meets it unlocked
        _owners.add(self)

    @property
    def gone(self) -> bool:
        return self._fd < 0

    def close(self) -> None:
        """Leave: from now on this owner counts as dead."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._let_go()

    def _let_go(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def find_dead(folder: Path, names: Iterable[str]) -> list[str]:
    """Those of ``names`` whose process is gone; the files of the dead are removed."""
    return [name for name in names if _is_dead(folder / name)]


def _is_dead(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # another user's, perhaps: nobody can say
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


_owners: weakref.WeakSet[Owner] = weakref.WeakSet()


def _leave_the_parent_s() -> None:
    # A lock lives as long as anyone has its file open: the parent's would outlive the parent.
    for owner in list(_owners):
        owner._let_go()  # pyright: ignore[reportPrivateUsage]


os.register_at_fork(after_in_child=_leave_the_parent_s)
