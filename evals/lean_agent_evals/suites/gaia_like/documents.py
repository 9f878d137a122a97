"""Files that come with a question: the same tables as CSV, JSON, XLSX, PDF, HTML or prose."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from lean_agent import ConfigurationError

__all__ = ["FORMATS", "File", "Sheet", "write_file"]

Cell = str | int

_WRITTEN = datetime(2000, 1, 1)
"""In a file's properties, so that its bytes do not depend on the day."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. ``sentence`` says what a row says, with {0}, {1}, ... for its cells."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sentence: str

    def said(self, row: tuple[Cell, ...]) -> str:
        """A row in words."""
        return self.sentence.format(*row)


@dataclass(frozen=True, slots=True)
class File:
    """``name`` ends in one of FORMATS; a CSV file holds one sheet."""

    name: str
    title: str
    sheets: tuple[Sheet, ...]

    @property
    def format(self) -> str:
        return PurePath(self.name).suffix.removeprefix(".")

    def shown(self, sheet: Sheet, row: tuple[Cell, ...]) -> str:
        """What a reader of the file sees of a row."""
        return _ROWS[self.format](sheet, row)


def write_file(file: File, folder: Path) -> Path:
    """Write the file, and say where it is.

    Raises:
        ConfigurationError: the library for PDF or XLSX is not installed.
    """
    path = folder / file.name
    try:
        path.write_bytes(_WRITERS[file.format](file))
    except ImportError as error:
        raise ConfigurationError(
            f"{file.name} cannot be written without {error.name}",
            hint="install lean-agent[evals]",
        ) from error
    return path


def _csv_row(_sheet: Sheet, row: tuple[Cell, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue()


def _csv(file: File) -> bytes:
    (sheet,) = file.sheets
    lines = [sheet.columns, *sheet.rows]
    return "".join(f"{_csv_row(sheet, line)}\n" for line in lines).encode()


def _json_row(sheet: Sheet, row: tuple[Cell, ...]) -> str:
    return json.dumps(dict(zip(sheet.columns, row, strict=True)))


def _json(file: File) -> bytes:
    sheets = [
        f"{json.dumps(sheet.name)}: [\n"
        + ",\n".join(_json_row(sheet, row) for row in sheet.rows)
        + "\n]"
        for sheet in file.sheets
    ]
    return f"{{{','.join(sheets)}}}\n".encode()


def _html_row(_sheet: Sheet, row: tuple[Cell, ...]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}" for cell in row)


def _html(file: File) -> bytes:
    lines = [f"<!doctype html><title>{html.escape(file.title)}</title>"]
    for sheet in file.sheets:
        heads = "".join(f"<th>{html.escape(column)}" for column in sheet.columns)
        lines += [f"<h2>{html.escape(sheet.name)}</h2>", f"<table><tr>{heads}"]
        lines += [_html_row(sheet, row) for row in sheet.rows]
        lines.append("</table>")
    return "\n".join(lines).encode()


def _prose_row(sheet: Sheet, row: tuple[Cell, ...]) -> str:
    return sheet.said(row)


def _prose(file: File) -> Iterator[list[str]]:
    """A page of lines for each sheet."""
    for sheet in file.sheets:
        yield [f"{file.title}: {sheet.name}", *(sheet.said(row) for row in sheet.rows)]


def _text(file: File) -> bytes:
    return "\n\n".join("\n".join(lines) for lines in _prose(file)).encode() + b"\n"


def _xlsx_row(_sheet: Sheet, row: tuple[Cell, ...]) -> str:
    return " | ".join(map(str, row))


def _xlsx(file: File) -> bytes:
    from xlsxwriter import Workbook

    written = io.BytesIO()
    book: Any = Workbook(written, {"in_memory": True})
    book.set_properties({"title": file.title, "created": _WRITTEN})
    for sheet in file.sheets:
        page = book.add_worksheet(sheet.name)
        for number, row in enumerate([sheet.columns, *sheet.rows]):
            page.write_row(number, 0, row)
    book.close()
    return written.getvalue()


def _pdf(file: File) -> bytes:
    """One A4 page a sheet, in the Helvetica that every reader has."""
    import pydyf

    document: Any = pydyf.PDF()
    font = pydyf.Dictionary({"Type": "/Font", "Subtype": "/Type1", "BaseFont": "/Helvetica"})
    document.add_object(font)
    for lines in _prose(file):
        text: Any = pydyf.Stream(compress=True)
        text.begin_text()
        text.set_font_size("F1", 10)
        text.set_text_matrix(1, 0, 0, 1, 50, 790)
        for line in lines:
            text.show_text_string(line)
            text.move_text_to(0, -16)
        text.end_text()
        document.add_object(text)
        page = {
            "Type": "/Page",
            "Parent": document.pages.reference,
            "MediaBox": pydyf.Array([0, 0, 595, 842]),
            "Contents": text.reference,
            "Resources": pydyf.Dictionary({"Font": pydyf.Dictionary({"F1": font.reference})}),
        }
        document.add_page(pydyf.Dictionary(page))
    written = io.BytesIO()
    document.write(written)
    return written.getvalue()


_WRITERS: dict[str, Callable[[File], bytes]] = {
    "csv": _csv,
    "html": _html,
    "json": _json,
    "pdf": _pdf,
    "txt": _text,
    "xlsx": _xlsx,
}
_ROWS: dict[str, Callable[[Sheet, tuple[Cell, ...]], str]] = {
    "csv": _csv_row,
    "html": _html_row,
    "json": _json_row,
    "pdf": _prose_row,
    "txt": _prose_row,
    "xlsx": _xlsx_row,
}
FORMATS = tuple(_WRITERS)
