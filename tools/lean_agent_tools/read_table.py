"""``read_table``: rows of a CSV file or a sheet of a workbook, as CSV."""

from __future__ import annotations

from lean_agent import RunContext, ToolError, tool
from lean_agent_tools._child import in_child
from lean_agent_tools._roots import open_file, opened

__all__ = ["read_table"]

_SECONDS = 30.0


@tool(timeout=_SECONDS + 5)
async def read_table(path: str, ctx: RunContext, sheet: str = "", start_row: int = 1) -> str:
    """Read rows of a CSV, TSV, XLSX, XLS or ODS file.

    Args:
        path: The file.
        ctx: The run, which says what is open.
        sheet: A sheet's name; the first if left out.
        start_row: First row to show.
    """
    if start_row < 1:
        raise ToolError("start_row counts from 1")
    place = open_file(path, ctx)
    request = {"kind": place.path.suffix.lower(), "sheet": sheet, "start_row": start_row}
    with opened(place) as file:
        try:
            text = await in_child(
                "lean_agent_tools._table_reader", request, seconds=_SECONDS, given=file
            )
        except ToolError as error:
            raise ToolError(f"{place.name}: {error.message}") from error
    return text
