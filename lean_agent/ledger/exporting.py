"""The whole ledger as one file for other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal, get_args

from lean_agent.errors import LedgerError
from lean_agent.ledger.compacted import quoted
from lean_agent.ledger.migrations import MONEY, columns
from lean_agent.ledger.reading import Opened, ask, money_text

__all__ = ["ExportFormat", "export"]

ExportFormat = Literal["parquet", "csv", "jsonl"]

_OPTIONS: Final = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER",
    "jsonl": "FORMAT json",
}


def export(folder: Path, path: Path, format: ExportFormat) -> int:  # noqa: A002 - as users say it
    """Write all entries to ``path``, which is there whole or not at all; how many there are.

    The columns are those of the view ``entries``. Money stays exact: a DECIMAL(38, 18) in Parquet,
    a decimal string in the others. A text that a spreadsheet would take for a formula (it begins
    with ``= + - @``, a tab or a carriage return) has an apostrophe before it in CSV, nowhere else.

    Raises:
        LedgerError: another format, a path inside the ledger, or one that cannot be written.
    """
    target = Path(path).absolute()
    if format not in get_args(ExportFormat):
        raise LedgerError(
            f"cannot export as {format!r}", hint=f"one of: {', '.join(get_args(ExportFormat))}"
        )
    if target.resolve().is_relative_to(Path(folder).resolve()):
        raise LedgerError(f"{target} is inside the ledger", hint="export to another folder")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")

    def work(ledger: Opened) -> int:
        ((count,),) = ledger.connection.execute(
            f"COPY ({_select(format)}) TO {quoted(str(unfinished))} ({_OPTIONS[format]})"
        ).fetchall()
        return count

    try:
        count = ask(folder, work, hint="nothing was exported")
        unfinished.replace(target)
    except OSError as error:
        raise LedgerError(f"{target} cannot be written ({error.strerror})") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _select(format: ExportFormat) -> str:  # noqa: A002
    if format == "parquet":
        return "SELECT * FROM entries"
    values = [_value(name, kind, format) for name, kind in columns().items()]
    return f"SELECT {', '.join(values)}, time, day FROM entries"  # noqa: S608


def _value(name: str, kind: str, format: ExportFormat) -> str:  # noqa: A002
    if kind == MONEY:
        return f"{money_text(name)} AS {name}"
    if kind == "VARCHAR" and format == "csv":
        return rf"regexp_replace({name}, '^([=+\-@\t\r])', '''\1') AS {name}"
    return name
