"""``read_file``: a text file from the folders the user opened, as much at a time as a model can
take in."""

from __future__ import annotations

import codecs
import mimetypes
import os
from contextlib import suppress
from io import BufferedReader

from lean_agent import RunContext, ToolError, tool
from lean_agent_tools._roots import Place, named_files, open_file, opened, size_text

__all__ = ["read_file"]

_MAX_CHARS = 3_600
_HEAD_BYTES = 8_192
_PIECE_BYTES = 65_536
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x08\x1b")


def _named(task: str, ctx: RunContext) -> list[dict[str, str]]:
    """A text file that the task names is sure to be read, if one call shows it whole."""
    texts: list[Place] = []
    for place in named_files(task, ctx, max_bytes=_MAX_CHARS):
        with suppress(ToolError, OSError), opened(place) as file:
            _refuse_binary(file, place)
            texts.append(place)
    return [{"path": place.name} for place in texts]


@tool(timeout=20, foreseen=_named)
def read_file(path: str, ctx: RunContext, start_line: int = 1) -> str:
    """Read a text file.

    Args:
        path: A file.
        ctx: The run, which says what is open.
        start_line: First line to show.
    """
    if start_line < 1:
        raise ToolError("start_line counts from 1")
    place = open_file(path, ctx)
    try:
        with opened(place) as file:
            _refuse_binary(file, place)
            return _shown(file, start_line)
    except OSError as error:
        raise ToolError(f"{place.name} cannot be read: {error.strerror}") from error


def _refuse_binary(file: BufferedReader, place: Place) -> None:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if b"\0" not in head:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            # Text in an older encoding has no control characters; its odd letters can be lost.
            if not any(byte < ord(" ") and byte not in _TEXT_CONTROLS for byte in head):
                return
        else:
            return
    kind = mimetypes.guess_type(place.path.name)[0] or "binary data"
    size = size_text(os.fstat(file.fileno()).st_size)
    raise ToolError(f"{place.name} is no text file: {kind}, {size}")


def _shown(file: BufferedReader, start_line: int) -> str:
    """Lines from ``start_line`` on, and where to go on if they are not all."""
    number, lines, chars = 0, list[str](), 0
    while True:
        piece = file.readline(_PIECE_BYTES)
        if not piece:
            break
        number += 1
        cut = _skip_rest_of_line(file, piece)
        if number < start_line:
            continue
        line = piece.decode("utf-8", "replace").rstrip("\r\n")
        if number == 1:
            line = line.removeprefix("\ufeff")
        if lines and chars + len(line) > _MAX_CHARS:
            lines.append(f"[more: continue with start_line={number}]")
            break
        if len(line) > _MAX_CHARS or cut:
            lines.append(f"{line[:_MAX_CHARS]} [line {number} is longer]")
            chars = _MAX_CHARS
        else:
            lines.append(line)
            chars += len(line) + 1
    if not number:
        return "(the file is empty)"
    if not lines:
        raise ToolError(f"the file has only {number} line{'s' * (number > 1)}")
    return "\n".join(lines)


def _skip_rest_of_line(file: BufferedReader, piece: bytes) -> bool:
    """Go to the end of a line that was not read whole. Whether there was more of it."""
    skipped = False
    while piece and not piece.endswith(b"\n"):
        piece = file.readline(_PIECE_BYTES)
        skipped = skipped or bool(piece)
    return skipped
