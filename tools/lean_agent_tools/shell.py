"""``shell``: a command, run as the user. Nothing but the yes to it stands between the two."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from lean_agent import Preview, RunContext, ToolError, tool

__all__ = ["shell"]

_SECONDS = 60.0
_GRACE_SECONDS = 1.0
_MAX_BYTES = 200_000
_PIECE_BYTES = 65_536
_KEPT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
# In these one command can hold another, so a pattern for the first would allow the second.
_COMPOUND = re.compile(r"[;&|<>$`(){}\\!\n\r]")
_STYLES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def _would(command: str, ctx: RunContext) -> Preview:
    simple = _COMPOUND.search(command) is None and command.isprintable()
    return Preview(text=f"in {_where(ctx)}:\n$ {command}", subject=command if simple else None)


@tool(side_effects=True, concurrency_safe=False, timeout=_SECONDS + 10, preview=_would)
async def shell(command: str, ctx: RunContext) -> str:
    """Run a shell command and see what it prints. It has a minute, and no input.

    Args:
        command: The command.
        ctx: The run, which says what is open.
    """
    process, stream, pipe = await _started(command, _where(ctx))
    output = bytearray()
    watching = asyncio.ensure_future(_watch(process, stream, output))
    ended = asyncio.ensure_future(process.wait())
    both = {watching, ended}
    try:
        done, _ = await asyncio.wait(both, timeout=_SECONDS, return_when="FIRST_COMPLETED")
    finally:
        with suppress(ProcessLookupError):  # what it left in the background goes with it
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.wait(both, timeout=_GRACE_SECONDS)
        watching.cancel()
        pipe.close()
    return _told(output, process.returncode, late=not done)


async def _started(
    command: str, folder: Path
) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.ReadTransport]:
    """The process, and what it prints: by a pipe of our own, since asyncio takes a process for
    alive as long as anything that it left in the background holds a pipe of asyncio's.

    Raises:
        ToolError: it cannot be run.
    """
    ours, theirs = os.pipe()
    stream = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(stream)
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(ours, "rb"))
    try:
        process = await asyncio.create_subprocess_exec(
            shutil.which("sh") or "/bin/sh",
            "-c",
            command,
            cwd=folder,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},  # no keys
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # too long, or with a NUL in it
        pipe.close()
        raise ToolError(f"the command cannot be run: {error}") from error
    finally:
        os.close(theirs)
    return process, stream, pipe


def _where(ctx: RunContext) -> Path:
    """The first open folder, else the one that the program was started in."""
    return next((root for root in ctx.roots if root.is_dir()), Path.cwd())


async def _watch(
    process: asyncio.subprocess.Process, stream: asyncio.StreamReader, output: bytearray
) -> None:
    """Collects what is printed, until that is too much or the command has ended."""
    piece = b"-"
    while piece:
        piece = await stream.read(_PIECE_BYTES)
        output += piece
        if len(output) > _MAX_BYTES:
            return
    await process.wait()


def _told(output: bytearray, code: int | None, *, late: bool) -> str:
    text = _STYLES.sub("", output[:_MAX_BYTES].decode("utf-8", "replace"))
    parts = [text.rstrip() or "(nothing was printed)"]
    if len(output) > _MAX_BYTES:
        parts.append(f"[stopped: it printed more than {_MAX_BYTES:,} bytes]")
    elif late:
        parts.append(f"[stopped: it took over {_SECONDS:g} s]")
    elif code:
        parts.append(f"[exit code {code}]")
    return "\n".join(parts)
