"""Writes a text file inside what is open: whole or not at all, and never through a link."""

from __future__ import annotations

import difflib
import os
import re
import secrets
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from itertools import takewhile

from lean_agent import Preview, RunContext, ToolError
from lean_agent._text import writable
from lean_agent_tools._roots import Place, opened, size_text

__all__ = ["change", "current_text", "write_text"]

_MAX_BYTES = 1_000_000
_MAX_COMPARED_LINES = 2_000  # comparing takes time that grows with their square
_CONTEXT_LINES = 3


def current_text(place: Place) -> str | None:
    """What the file holds, line endings as they are; None where there is none.

    Raises:
        ToolError: it is no UTF-8 text, or over 1 MB.
    """
    if not place.path.exists():
        return None
    with opened(place) as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ToolError(f"{place.name} is larger than {size_text(_MAX_BYTES)}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(f"{place.name} is no UTF-8 text") from error


def change(place: Place, before: str | None, after: str, ctx: RunContext) -> Preview:
    """The change as a diff. Patterns are held against the name, the whole path of several roots."""
    name = place.name.replace("\n", "\\n")  # which would look like a line of the diff
    old, new = ("" if before is None else before).split("\n"), after.split("\n")
    lines = _diff(old, new)
    made = "/dev/null" if before is None else name
    shown = [f"--- {made}", f"+++ {name}", *lines]
    if before == after:
        shown = [f"{name} stays as it is"]
    subject = place.name if len(ctx.roots) == 1 else writable(str(place.path))
    return Preview(text="\n".join(shown), subject=subject)


def _diff(old: list[str], new: list[str]) -> list[str]:
    """The hunks. Only what lies between the first and the last line that differ is compared, and
    where that is long too it is shown as replaced.
    """
    start = _same(zip(old, new, strict=False))
    end = _same(zip(reversed(old[start:]), reversed(new[start:]), strict=False))
    if start == len(old) == len(new):
        return []
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(gone), len(come)) > _MAX_COMPARED_LINES:
        head = f"@@ -{start + 1},{len(gone)} +{start + 1},{len(come)} @@"
        return [head, *(f"-{line}" for line in gone), *(f"+{line}" for line in come)]
    first, last = max(start - _CONTEXT_LINES, 0), max(end - _CONTEXT_LINES, 0)
    some, others = old[first : len(old) - last], new[first : len(new) - last]
    _, _, *hunks = difflib.unified_diff(some, others, n=_CONTEXT_LINES, lineterm="")
    return [_moved(line, first) if line.startswith("@@") else line for line in hunks]


def _same(pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _moved(head: str, lines: int) -> str:
    """A hunk's head, so many lines further down."""
    return re.sub(r"([-+])(\d+)", lambda found: f"{found[1]}{int(found[2]) + lines}", head)


def write_text(place: Place, text: str) -> None:
    """Put ``text`` in the file's place, with the permissions of the one before.

    Raises:
        ToolError: the text is too long or no text, or the disk refuses; the file is as it was.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ToolError("half a character cannot be written: the text is no UTF-8") from error
    if len(data) > _MAX_BYTES:
        raise ToolError(f"the text is longer than {size_text(_MAX_BYTES)}")
    try:
        with _folder(place) as folder:
            _replace(folder, place.path.name, data)
    except OSError as error:
        raise ToolError(f"{place.name} cannot be written: {error.strerror}") from error


@contextmanager
def _folder(place: Place) -> Generator[int]:
    """The file's folder, made where it is missing.

    Each step is taken from the folder before it, so that none can be swapped for a link meanwhile.
    """
    root = place.root if place.root.is_dir() else place.root.parent
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in place.path.parent.relative_to(root).parts:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _replace(folder: int, name: str, data: bytes) -> None:
    temporary = f".{secrets.token_hex(8)}.part"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                os.fchmod(file.fileno(), mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
