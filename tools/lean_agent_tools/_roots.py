"""Keeps file tools inside the folders and files that the user opened.

Links are followed first and the place they lead to is what counts, so neither ``..`` nor a link
leads out. What lies outside is refused in the same words whether it exists or not.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from pathlib import Path, PurePath

from lean_agent._text import writable
from lean_agent.context import RunContext
from lean_agent.errors import ToolError

__all__ = [
    "Place",
    "named_files",
    "open_file",
    "open_places",
    "opened",
    "place_to_write",
    "size_text",
]

_BETWEEN_NAMES = re.compile(r"""[\s"'`“”‘’<>()\[\]{},;:|=*]+""")  # noqa: RUF001 - curly quotes
_MAX_NAME_CHARS = 200
_MAX_NAMES = 20
_MAX_SUGGESTIONS = 5
_MAX_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Something that may be read: where it really is, and the root that holds it."""

    path: Path
    root: Path

    @property
    def name(self) -> str:
        """What the model is told it is called: its path relative to the root."""
        if self.path == self.root:
            return "." if self.root.is_dir() else writable(self.root.name)
        return writable(self.path.relative_to(self.root).as_posix())


def open_places(path: str, ctx: RunContext) -> list[Place]:
    """What ``path`` may mean, absolute or relative to each root in turn; at least one place.

    Raises:
        ToolError: nothing is open, or there is no such thing inside what is open.
    """
    places = _places(path, ctx)
    found = [place for place in places if _exists(place.path)]
    if not found:
        raise ToolError(f"there is no {_shown(path)}{_suggested(places[0])}")
    return found


def open_file(path: str, ctx: RunContext) -> Place:
    """The file that ``path`` means.

    Raises:
        ToolError: there is none inside what is open.
    """
    places = open_places(path, ctx)
    place = next((place for place in places if place.path.is_file()), places[0])
    if place.path.is_dir():
        raise ToolError(f"{place.name} is a folder: call list_files with it")
    return place


def named_files(task: str, ctx: RunContext, *, max_bytes: int) -> list[Place]:
    """The open files, not empty and no larger, that a task names or that were opened by themselves:
    those that ``open_file`` finds by their names.
    """
    if not ctx.roots:
        return []
    alone = (str(root) for root in ctx.roots if root.is_file())
    words = (word.rstrip(".!?") for word in _BETWEEN_NAMES.split(task))
    names = dict.fromkeys(word for word in words if _has_suffix(word))
    found: dict[Path, Place] = {}
    for name in (*alone, *islice(names, _MAX_NAMES)):
        with suppress(ToolError, OSError):
            for place in _places(name, ctx):
                fits = place.path.is_file() and 0 < place.path.stat().st_size <= max_bytes
                # Of two files of one name the second is not the one that a call would read.
                if fits and open_file(place.name, ctx).path == place.path:
                    found.setdefault(place.path, place)
    return list(found.values())


def _has_suffix(word: str) -> bool:
    _, dot, suffix = word[: _MAX_NAME_CHARS + 1].rpartition(".")
    return bool(dot) and len(word) <= _MAX_NAME_CHARS and any(map(str.isalpha, suffix))


def opened(place: Place) -> BufferedReader:
    """Opens a file without waiting for a writer, as a named pipe would, and without following a
    link that took its place a moment ago.

    Raises:
        ToolError: it is none, or cannot be read.
    """
    special = ToolError(f"{place.name} is a device or pipe, not a file")
    if not place.path.is_file():
        raise special
    try:
        descriptor = os.open(place.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise ToolError(f"{place.name} cannot be read: {error.strerror}") from error
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise special
    return file


def place_to_write(path: str, ctx: RunContext) -> Place:
    """Where a file may be written, whether there is one or not.

    Raises:
        ToolError: it is outside of what is open, hidden, or no regular file.
    """
    places = _places(path, ctx)
    try:
        taken = [place for place in places if place.path.is_file()]
        near = [place for place in places if place.path.parent.is_dir()]
        place = (taken or near or places)[0]
        if place.path.is_dir():
            raise ToolError(f"{place.name} is a folder")
        if not taken and place.path.exists():
            raise ToolError(f"{place.name} is a device or pipe, not a file")
        if not taken and any(parent.is_file() for parent in place.path.parents):
            raise ToolError(f"{place.name} would be inside a file")
    except OSError as error:  # such as a name too long
        raise ToolError(f"{_shown(path)} cannot be written: {error.strerror}") from error
    # Programs read what to run from such files: .git/hooks, .envrc, .bashrc.
    if any(part.startswith(".") for part in place.path.relative_to(place.root).parts):
        raise ToolError(f"{place.name} is hidden, and hidden files are not written")
    return place


def _places(path: str, ctx: RunContext) -> list[Place]:
    roots = [root.resolve() for root in ctx.roots]
    if not roots:
        raise ToolError("no folder is open, so there are no files")
    wanted = PurePath(path.strip())
    places = [place for root in roots for place in _inside(wanted, root)]
    if not places:
        listed = ", ".join(root.name + "/" * root.is_dir() for root in roots)
        raise ToolError(f"{_shown(path)} is outside of what is open: {writable(listed)}")
    return places


def _shown(path: str) -> str:
    return writable(path.strip())[:_MAX_SHOWN_CHARS]


def _inside(wanted: PurePath, root: Path) -> list[Place]:
    """The places a path may mean in one root; of two, one is without the root's own name."""
    if wanted == PurePath():
        return [Place(root, root)]
    candidates = [wanted]
    if wanted.parts[0] == root.name and root.is_dir():
        candidates.append(PurePath(*wanted.parts[1:]))
    base = root if root.is_dir() else root.parent
    places: list[Place] = []
    for candidate in candidates:
        try:
            real = (base / candidate).resolve()
        except (OSError, RuntimeError, ValueError):  # a name too long, a loop of links, a NUL
            continue
        if real.is_relative_to(root):
            places.append(Place(real, root))
    return places


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _suggested(place: Place) -> str:
    """Names like the missing one, from the folder where it was looked for."""
    folder = place.path.parent
    try:
        names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir() if p.name[0] != ".")
    except OSError:
        return "; list_files shows what there is"
    close = difflib.get_close_matches(place.path.name, names, n=_MAX_SUGGESTIONS, cutoff=0.5)
    prefix = "" if folder == place.root else f"{folder.relative_to(place.root).as_posix()}/"
    listed = ", ".join(f"{prefix}{name}" for name in close or names[:_MAX_SUGGESTIONS])
    return f"; there is {writable(listed)}" if listed else "; the folder is empty"


def size_text(size: int) -> str:
    """Bytes for people: 12 B, 3.4 kB, 1.2 MB."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
