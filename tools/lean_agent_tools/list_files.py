"""``list_files``: what lies in the folders the user opened."""

from __future__ import annotations

import os
from pathlib import Path

from lean_agent import RunContext, ToolError, tool
from lean_agent_tools._roots import Place, open_places, size_text

__all__ = ["list_files"]

_MAX_CHARS = 3_500


@tool(timeout=20)
def list_files(ctx: RunContext, path: str = ".") -> str:
    """List files and folders.

    Args:
        ctx: The run, which says what is open.
        path: A folder.
    """
    places = open_places(path, ctx)
    texts = [_listed(place) for place in places]
    if len(places) == 1:
        return texts[0]
    named = zip(places, texts, strict=True)
    return "\n".join(f"In {place.root.name}:\n{text}" for place, text in named)


def _listed(place: Place) -> str:
    if not place.path.is_dir():
        return _line(place)
    try:
        with os.scandir(place.path) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        raise ToolError(f"{place.name} cannot be listed: {error.strerror}") from error
    lines: list[str] = []
    hidden = chars = 0
    for number, name in enumerate(names):
        real = _real(place.path / name)
        # A link out of the root is as good as hidden: it cannot be read either.
        if name.startswith(".") or real is None or not real.is_relative_to(place.root):
            hidden += 1
            continue
        line = _line(Place(place.path / name, place.root))
        chars += len(line) + 1
        if chars > _MAX_CHARS:
            lines.append(f"... and {len(names) - number} more")
            break
        lines.append(line)
    if hidden:
        lines.append(f"({hidden} hidden)")
    return "\n".join(lines) or "(empty)"


def _real(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return None


def _line(place: Place) -> str:
    try:
        if place.path.is_dir():
            return f"{place.name}/"
        return f"{place.name} ({size_text(place.path.stat().st_size)})"
    except OSError:
        return place.name
