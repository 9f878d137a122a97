"""The whole ledger as one file for other programs."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, get_args

from lean_agent.errors import LedgerError
from lean_agent.ledger.compacted import quoted
from lean_agent.ledger.migrations import MONEY, columns
from lean_agent.ledger.reading import Opened, ask, money_text

__all__ = ["ExportFormat", "export"]

ExportFormat = Literal["parquet", "csv", "jsonl"]

_DESCRIPTOR: Final = re.compile(r"/dev/fd/\d+$|/proc/[^/]+/fd/\d+$")
_OPTIONS: Final = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER",
    "jsonl": "FORMAT json",
}


def export(
    folder: Path,
    path: Path,
    format: ExportFormat,  # noqa: A002 - as users say it
    *,
    left_out: list[str] | None = None,
) -> int:
    """Write all entries to ``path``, which is there whole or not at all; how many there are.

    Where ``path`` is a symbolic link, the file that it leads to is written and the link stays. A
    pipe or a device gets the entries once all of them could be read, and stays what it is.

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
    try:
        if _is_stream(target):
            return _stream(folder, target, format, left_out)
        # Not RuntimeError, as without ``strict``, where links lead in a circle.
        place = Path(os.path.realpath(target))
        if place.is_relative_to(Path(folder).resolve()):
            raise LedgerError(f"{target} is inside the ledger", hint="export to another folder")
        unfinished = place.with_name(f".{place.name}.{os.getpid()}.tmp")
        try:
            count = _copy(folder, unfinished, format, left_out)
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(f"{target} cannot be written ({error.strerror})") from None
    return count


def _copy(
    folder: Path,
    path: Path,
    format: ExportFormat,  # noqa: A002
    left_out: list[str] | None,
) -> int:
    def work(ledger: Opened) -> int:
        ((count,),) = ledger.connection.execute(
            f"COPY ({_select(format)}) TO {quoted(str(path))} ({_OPTIONS[format]})"
        ).fetchall()
        return count

    return ask(folder, work, hint="nothing was exported", left_out=left_out)


def _is_stream(target: Path) -> bool:
    """Whether ``target`` is no place for a file: a pipe, a device, or an output of this process."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISREG(mode):  # as /dev/stdout is where a shell sends it to a file
        return str(target) in {"/dev/stdout", "/dev/stderr"} or bool(_DESCRIPTOR.match(str(target)))
    return not stat.S_ISDIR(mode)


def _stream(
    folder: Path,
    target: Path,
    format: ExportFormat,  # noqa: A002
    left_out: list[str] | None,
) -> int:
    with TemporaryDirectory(prefix="lean-agent-") as temporary:
        whole = Path(temporary) / "entries"
        count = _copy(folder, whole, format, left_out)
        # Appending, since a shell's ">> file" has something in it already.
        with whole.open("rb") as source, target.open("ab", buffering=0) as sink:
            shutil.copyfileobj(source, sink)
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
