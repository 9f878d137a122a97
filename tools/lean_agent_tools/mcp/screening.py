"""Keeps secrets that a server gives back in its errors out of logs and traces.

The SDK puts the text of an error into its OpenTelemetry spans, and what it cannot read into its
logs. A tool's result is in neither.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError

from lean_agent._redact import redact

if TYPE_CHECKING:
    from mcp.client._transport import ReadStream

__all__ = ["Screened", "screen_logs"]

_LOGGERS = (
    "client",
    "mcp.client.client",
    "mcp.client.streamable_http",
    "mcp.shared.jsonrpc_dispatcher",
)


class Screened:
    """A server's messages, its errors without secrets."""

    def __init__(self, stream: ReadStream[SessionMessage | Exception]) -> None:
        self._stream = stream

    @property
    def last_context(self) -> Any:
        """That of the message last received, where the stream keeps one."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        return _screened(await self._stream.receive())

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return _screened(await self._stream.__anext__())

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return await self._stream.__aexit__(exc_type, exc_val, exc_tb)


def _screened(item: SessionMessage | Exception) -> SessionMessage | Exception:
    if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCError):
        item.message.error.message = redact(item.message.error.message)
    return item


def screen_logs() -> None:
    """Take secrets out of what the SDK logs of a session; a program without logging prints none."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _redacted not in logger.filters:
            logger.addFilter(_redacted)
            logger.addHandler(logging.NullHandler())


def _redacted(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        record.exc_info = None
    record.msg, record.args = redact(text), ()
    return True
