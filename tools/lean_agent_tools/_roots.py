"""Keeps file tools inside the folders and files that the user opened.

Links are followed first and the place they lead to is what counts, so neither ``..`` nor a link
leads out. What lies outside is refused in the same words whether it exists or not.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path, PurePath

from lean_agent.context import RunContext
from lean_agent.errors import ToolError

__all__ = ["Place", "open_places", "size_text", "writable"]

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
    roots = [root.resolve() for root in ctx.roots]
    if not roots:
        raise ToolError("no folder is open, so there are no files to read")
    wanted = PurePath(path.strip())
    places = [place for root in roots for place in _inside(wanted, root)]
    shown = writable(path.strip())[:_MAX_SHOWN_CHARS]
    if not places:
        opened = ", ".join(root.name + "/" * root.is_dir() for root in roots)
        raise ToolError(f"{shown} is outside of what is open: {writable(opened)}")
    found = [place for place in places if _exists(place.path)]
    if not found:
        raise ToolError(f"there is no {shown}{_suggested(places[0])}")
    return found


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


def writable(text: str) -> str:
    """File names need not be valid text; whatever is shown must be."""
    return text.encode("utf-8", "replace").decode()
