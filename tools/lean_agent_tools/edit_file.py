"""``edit_file``: one place in a text file replaced."""

from __future__ import annotations

from lean_agent import Preview, RunContext, ToolError, tool
from lean_agent_tools._roots import Place, open_file, place_to_write
from lean_agent_tools._writing import change, current_text, write_text

__all__ = ["edit_file"]


def _edited(path: str, old: str, new: str, ctx: RunContext) -> tuple[Place, str, str]:
    """The file, what it holds and what it is to hold.

    Raises:
        ToolError: there is no such file, or ``old`` does not stand in it just once.
    """
    open_file(path, ctx)  # which says what there is instead
    place = place_to_write(path, ctx)
    before = current_text(place) or ""
    if "\r\n" in before:  # models write \n
        old, new = (text.replace("\r\n", "\n").replace("\n", "\r\n") for text in (old, new))
    found = before.count(old) if old else 0
    if not found:
        raise ToolError(f"the old text does not stand in {place.name}: copy it from read_file")
    if found > 1:
        raise ToolError(f"the old text stands in {place.name} {found} times: take more lines")
    return place, before, before.replace(old, new)


def _would(path: str, old: str, new: str, ctx: RunContext) -> Preview:
    return change(*_edited(path, old, new, ctx), ctx)


@tool(side_effects=True, concurrency_safe=False, timeout=20, preview=_would)
def edit_file(path: str, old: str, new: str, ctx: RunContext) -> str:
    """Replace a text that stands just once in a file.

    Args:
        path: The file.
        old: The text to replace, as it stands there.
        new: What to put there.
        ctx: The run, which says what is open.
    """
    place, _, after = _edited(path, old, new, ctx)
    write_text(place, after)
    return f"changed {place.name}"
