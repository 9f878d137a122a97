"""The process that reads rows of one table, which is its standard input."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from lean_agent import ToolError
from lean_agent_tools._child import serve

__all__: list[str] = []

_BOOKS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
_MAX_ROWS = 200
_MAX_CHARS = 3_500
_MAX_CELL_CHARS = 300
_MAX_SHEETS = 30


def _table(request: dict[str, Any]) -> str:
    if request["kind"] in _BOOKS:
        head, rows = _sheet(request["sheet"])
    else:
        head, rows = [], _text_rows()
    return "\n".join([*head, *_shown(rows, request["start_row"])])


def _shown(rows: Iterable[list[Any]], start: int) -> Iterator[str]:
    """Rows as CSV from ``start`` on, and where to go on if they are not all."""
    shown = chars = 0
    for row in islice(rows, start - 1, None):
        line = _line(row)
        chars += len(line) + 1
        if shown and (chars > _MAX_CHARS or shown == _MAX_ROWS):
            yield f"[more: continue with start_row={start + shown}]"
            return
        yield line
        shown += 1
    if not shown:
        raise ToolError(f"there is no row {start}" if start > 1 else "the table is empty")


def _line(row: list[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(map(_cell, row))
    return written.getvalue()


def _cell(value: object) -> str:
    # Workbooks know no whole numbers.
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return text if len(text) <= _MAX_CELL_CHARS else f"{text[:_MAX_CELL_CHARS]}..."


def _text_rows() -> Iterator[list[str]]:
    file = sys.stdin.buffer
    encoding = "utf-16" if file.read(2) in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    first = text.readline()
    if not first:
        return
    if "\0" in first:
        raise ToolError("this is no text file")
    delimiter = max(",;\t|", key=first.count)
    try:
        yield from csv.reader(chain([first], text), delimiter=delimiter)
    except csv.Error as error:
        raise ToolError(f"this is no table: {error}") from error


def _sheet(name: str) -> tuple[list[str], Iterable[list[Any]]]:
    """The line that tells what there is, and the rows of one sheet."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        names = book.sheet_names
        if not names:
            raise ToolError("the workbook has no sheets")
        if name and name not in names:
            raise ToolError(f"there is no sheet {name[:50]!r}; there is {_listed(names)}")
        sheet = book.get_sheet_by_name(name or names[0])
        rows = sheet.to_python(skip_empty_area=False)
        about = f"[sheet {sheet.name}, {len(rows)} rows; sheets: {_listed(names)}]"
        return [about], rows
    except (CalamineError, OSError, ValueError) as error:
        raise ToolError(f"a damaged workbook ({' '.join(str(error).split())[:200]})") from error


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_SHEETS} more" if len(names) > _MAX_SHEETS else ""
    return ", ".join(names[:_MAX_SHEETS]) + more


if __name__ == "__main__":
    serve(_table)
