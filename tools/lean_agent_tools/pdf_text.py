"""``pdf_text``: what a PDF file says."""

from __future__ import annotations

from lean_agent import RunContext, ToolError, tool
from lean_agent_tools._roots import open_file, opened, size_text

__all__ = ["pdf_text"]

_SECONDS = 30.0
_MAX_BYTES = 20 * 1024 * 1024


@tool(timeout=_SECONDS + 5)
def pdf_text(path: str, ctx: RunContext) -> str:
    """Read the text of a PDF file.

    Args:
        path: The file.
        ctx: The run, which says what is open.
    """
    from lean_agent.retrieval.documents import UnreadableError
    from lean_agent.retrieval.pdf import read_pdf

    place = open_file(path, ctx)
    with opened(place) as file:
        data = file.read(_MAX_BYTES + 1)
    if not data.startswith(b"%PDF"):
        raise ToolError(f"{place.name} is no PDF file")
    if len(data) > _MAX_BYTES:
        raise ToolError(f"{place.name} is larger than {size_text(_MAX_BYTES)}")
    try:
        found = read_pdf(place.path.stem, data, max_seconds=_SECONDS)
    except UnreadableError as error:
        raise ToolError(f"{place.name}: {error}") from error
    return found.text
