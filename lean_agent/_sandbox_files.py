"""What sandboxed code may read: folders as they are, and single files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["opened"]

_READING = frozenset(
    {
        "Path.exists",
        "Path.is_file",
        "Path.is_dir",
        "Path.is_symlink",
        "Path.iterdir",
        "Path.scan",
        "Path.stat",
        "Path.resolve",
        "Path.absolute",
        "Path.read_text",
        "Path.read_bytes",
        "open",
    }
)

_MAX_BYTES = 50_000_000
"""Of a single file, which is handed over whole."""


@contextmanager
def opened(readable: Sequence[Path]) -> Generator[dict[str, Any]]:
    """Arguments of MontySession.feed_run. A folder is at /NAME, and nothing leads out of it; of
    folders within each other the outer one is there. A file is at /NAME.

    What is there no more, or cannot be opened, is left out: the code reads that it is not there.
    """
    from pydantic_monty import MountDir

    paths = [path.resolve() for path in readable]
    folders = [path for path in paths if path.is_dir()]
    outer = [f for f in folders if not any(f != o and f.is_relative_to(o) for o in folders)]
    files = [path for path in dict.fromkeys(paths) if path.is_file()]
    with ExitStack() as stack:
        mounts: list[MountDir] = []
        for name, folder in _named(dict.fromkeys(outer)):
            with suppress(OSError, ValueError):  # or a name that is no text
                mount = MountDir(host_path=folder, virtual_path=f"/{name}", mode="read-only")
                mounts.append(stack.enter_context(mount))
        yield {"mount": mounts or None, "os": _reader(files) if files else None}


def _named(folders: Iterable[Path]) -> list[tuple[str, Path]]:
    """Each with a name of its own."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = folder.name or "root"
        while name in names:
            name += "_"
        names[name] = folder
    return list(names.items())


def _reader(paths: Sequence[Path]) -> Callable[..., Any]:
    """Answers the interpreter's calls about single files. All that does not read is left to the
    interpreter, which refuses it: what was written here would take up this process's memory.
    """
    from pydantic_monty import NOT_HANDLED, CallbackFile, OSAccess

    first = {path.name: path for path in reversed(paths)}  # of one name, as read_file has it
    files = OSAccess(
        [CallbackFile(f"/{name}", partial(_read, path), _refuse) for name, path in first.items()]
    )

    def read(*, name: Any, args: tuple[Any, ...], kwargs: dict[str, Any], **about: Any) -> Any:
        writes = name == "open" and len(args) > 1 and not set(args[1]) <= set("rbt")
        if name not in _READING or writes:
            return NOT_HANDLED
        return files(name=name, args=args, kwargs=kwargs, **about)

    return read


def _read(path: Path, _asked: PurePosixPath) -> bytes:
    """
    Raises:
        PermissionError: it is no regular file any more, too large, or cannot be read. It names no
            path of this machine.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_size <= _MAX_BYTES:
                return file.read(_MAX_BYTES)
    except OSError as error:
        raise PermissionError(f"{path.name} cannot be read: {error.strerror}") from None
    raise PermissionError(f"{path.name} is no file of {_MAX_BYTES:,} bytes or less")


def _refuse(asked: PurePosixPath, _content: str | bytes) -> None:
    raise PermissionError(f"{asked.name} cannot be written")
