"""``read_document``: what the product's own file tools cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from lean_agent import ConfigurationError, RunContext, ToolError, tool

__all__ = ["read_document"]

_KINDS = frozenset({".pdf", ".xlsx"})


def _named(task: str, ctx: RunContext) -> list[dict[str, str]]:
    files = [entry for root in ctx.roots for entry in root.iterdir()]
    named = sorted(file.name for file in files if file.suffix in _KINDS and file.name in task)
    return [{"path": name} for name in named]


@tool(foreseen=_named)
def read_document(path: str, ctx: RunContext, page: int = 1) -> str:
    """Read one page of a PDF file, or one sheet of an XLSX file.

    Args:
        path: A PDF or XLSX file.
        ctx: The run, which says what is open.
        page: Which page or sheet.
    """
    files = {entry.name: entry for root in ctx.roots for entry in root.iterdir()}
    file = files.get(PurePath(path).name)
    if file is None:
        raise ToolError(f"there is no {path[:100]}; there is {', '.join(sorted(files))}")
    pages = _pages(file)
    if not 1 <= page <= len(pages):
        raise ToolError(f"{file.name} has {len(pages)} page{'s' * (len(pages) > 1)}")
    more = f"\n[page {page} of {len(pages)}]" if len(pages) > 1 else ""
    return pages[page - 1] + more


def _pages(path: Path) -> list[str]:
    readers = {".pdf": _pdf_pages, ".xlsx": _xlsx_sheets}
    reader = readers.get(path.suffix)
    if reader is None:
        raise ToolError(f"{path.name} is no PDF or XLSX file: use read_file")
    try:
        return list(reader(path))
    except ImportError as error:
        raise ConfigurationError(
            f"{path.name} cannot be read without {error.name}", hint="install lean-agent[evals]"
        ) from error


def _pdf_pages(path: Path) -> Iterator[str]:
    from pypdf import PdfReader

    for page in PdfReader(path).pages:
        yield page.extract_text()


def _xlsx_sheets(path: Path) -> Iterator[str]:
    from python_calamine import CalamineWorkbook

    with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
        for name in book.sheet_names:
            rows = book.get_sheet_by_name(name).to_python()
            yield "\n".join([f"Sheet {name}", *(" | ".join(map(_shown, row)) for row in rows)])


def _shown(cell: object) -> str:
    """XLSX knows no whole numbers."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
