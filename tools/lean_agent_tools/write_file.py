"""``write_file``: a whole text file, new or in the place of another."""

from __future__ import annotations

from lean_agent import Preview, RunContext, tool
from lean_agent_tools._roots import place_to_write, size_text
from lean_agent_tools._writing import change, current_text, write_text

__all__ = ["write_file"]


def _would(path: str, content: str, ctx: RunContext) -> Preview:
    place = place_to_write(path, ctx)
    return change(place, current_text(place), content, ctx)


@tool(side_effects=True, idempotent=True, concurrency_safe=False, timeout=20, preview=_would)
def write_file(path: str, content: str, ctx: RunContext) -> str:
    """Write a whole text file, new or over an old one. To change a part, use edit_file.

    Args:
        path: The file.
        content: All that it is to hold.
        ctx: The run, which says what is open.
    """
    place = place_to_write(path, ctx)
    if current_text(place) == content:
        return f"{place.name} holds this already"
    write_text(place, content)
    return f"wrote {place.name}: {size_text(len(content.encode()))}"
