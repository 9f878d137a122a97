"""A server's process, and what is said to and by it.

The SDK's own transport takes lines of any length and hands standard error through to the terminal.
A server is a stranger: here a line has an end, standard error is kept to say why a server failed,
and its process is gone at the end whatever happens, with all that it started.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from lean_agent_tools.mcp.plain import one_line

__all__ = ["MAX_MESSAGE_BYTES", "Heard", "process_streams"]

MAX_MESSAGE_BYTES = 8 * 1024**2
"""Of one message of a server: what is larger is no answer for a model."""

_TAIL_BYTES = 4_000
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.01
_LAST_WORDS_SECONDS = 0.5

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


@dataclass(slots=True)
class Heard:
    """What a process let be heard beside its messages: the end of its standard error, its exit
    code, and why it is no longer listened to ("" if it is).
    """

    errors: bytes = b""
    code: int | None = None
    refused: str = ""

    def why(self) -> str:
        """Why it failed, as far as that is known; "" if it is not."""
        if self.refused:
            return self.refused
        ended = f"it ended with exit code {self.code}" if self.code is not None else ""
        lines = self.errors.decode("utf-8", "replace").split("\n")
        last = next((line for text in reversed(lines) if (line := one_line(text, 300))), "")
        return ": ".join(part for part in (ended, last) if part)


@asynccontextmanager
async def process_streams(
    command: str, args: Sequence[str], env: Mapping[str, str], heard: Heard
) -> AsyncGenerator[tuple[Incoming, Outgoing]]:
    """The server's messages, and a way to send it some, as long as it is needed.

    Raises:
        OSError, ValueError: there is no such program, or it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        command,
        *args,
        env=get_default_environment() | dict(env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_MESSAGE_BYTES,
        start_new_session=True,  # Ctrl-C is for the run to hear; all that it starts is one group
    )
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise RuntimeError("asyncio gave no pipes, though they were asked for")
    to_session, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    reading = asyncio.create_task(_read(stdout, to_session, process, heard))
    writing = asyncio.create_task(_write(stdin, from_session))
    hearing = asyncio.create_task(_hear(stderr, heard))
    try:
        yield incoming, outgoing
    finally:
        by_itself = reading.done()
        try:
            with anyio.CancelScope(shield=True):
                await _end(process, stdin)
                await asyncio.wait({hearing}, timeout=_LAST_WORDS_SECONDS)
        finally:
            _signal(process, signal.SIGKILL)  # what it has started, too
            if by_itself:
                heard.code = process.returncode
            for task in (reading, writing, hearing):
                task.cancel()
            for stream in (to_session, incoming, outgoing, from_session):
                stream.close()
            _close_pipes(process)
        with anyio.CancelScope(shield=True):
            await asyncio.gather(reading, writing, hearing, return_exceptions=True)


async def _read(
    stdout: asyncio.StreamReader,
    session: MemoryObjectSendStream[SessionMessage | Exception],
    process: asyncio.subprocess.Process,
    heard: Heard,
) -> None:
    async with session:
        while True:
            try:
                line = await stdout.readline()
            except ValueError:
                heard.refused = f"it sent a message of over {MAX_MESSAGE_BYTES // 1024**2} MB"
                _signal(process, signal.SIGKILL)  # it would write on, and not hear that it is to go
                return
            if not line:
                return
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                continue  # many a server greets whoever starts it
            try:
                await session.send(SessionMessage(message))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return


async def _write(
    stdin: asyncio.StreamWriter, session: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    async with session:
        with suppress(
            OSError
        ):  # it is gone, or has closed its input: the session learns by sending
            async for sent in session:
                line = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
                stdin.write(line.encode() + b"\n")
                await stdin.drain()


async def _hear(stderr: asyncio.StreamReader, heard: Heard) -> None:
    while piece := await stderr.read(_TAIL_BYTES):
        heard.errors = (heard.errors + piece)[-_TAIL_BYTES:]


async def _end(process: asyncio.subprocess.Process, stdin: asyncio.StreamWriter) -> None:
    """Ask it to end as the protocol has it: no more input, then SIGTERM."""
    stdin.close()
    if await _ended(process):
        return
    _signal(process, signal.SIGTERM)
    if not await _ended(process):
        _signal(process, signal.SIGKILL)
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> bool:
    """Whether it ends in time. ``process.wait`` would also wait for what holds its pipes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            while process.returncode is None:  # noqa: ASYNC110 - nothing else tells of it
                await asyncio.sleep(_POLL_SECONDS)
    return process.returncode is not None


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _close_pipes(process: asyncio.subprocess.Process) -> None:
    """Let go of pipes that what has left the group may hold. Nothing public does it."""
    transport = getattr(process, "_transport", None)
    if isinstance(transport, asyncio.SubprocessTransport):
        transport.close()
