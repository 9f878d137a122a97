"""A chat API on loopback for one attempt: what comes in is asked of the run's own model.

So a framework's calls are reserved, charged, entered and written down by the meter that serves our
agent. The first call that fails ends the attempt: it and all that follow are answered with status
400, which no client tries again.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from email.parser import BytesHeaderParser
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from lean_agent import LeanAgentError
from lean_agent._threads import to_its_end
from lean_agent_evals.baselines.chat_wire import BadRequestError, read_request, write_answer
from lean_agent_evals.baselines.metered import MeteredRun

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Endpoint"]

_HOST = "127.0.0.1"
_PATH = "/v1/chat/completions"
_MAX_HEAD = 64 * 1024
_MAX_BODY = 16 * 1024 * 1024
_ROUNDS = 3  # of the event loop, until a connection that was just accepted is known to be there


async def _closed(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await writer.wait_closed()


class _Refused(Exception):  # noqa: N818 - an answer, no error of ours
    def __init__(self, status: HTTPStatus, message: str, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.status = status
        self.answer = {"error": {"message": message, "type": "invalid_request_error", "code": code}}


class Endpoint:
    """Open it with ``async with``; then clients reach it at ``url`` with the bearer token ``key``.

    Leaving ends the calls that are under way. It listens on a port of its own, on loopback only.
    """

    def __init__(self, run: MeteredRun) -> None:
        self.key = secrets.token_urlsafe(32)
        self._run = run
        self._served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._answers = 0

    @property
    def url(self) -> str:
        assert self._server is not None  # noqa: S101 - only inside ``async with``
        return f"http://{_HOST}:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, _HOST, 0, limit=_MAX_HEAD, start_serving=False
        )
        try:
            await self._server.start_serving()
        except asyncio.CancelledError:
            self._server.close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await to_its_end(self._end())

    async def _end(self) -> None:
        assert self._server is not None  # noqa: S101 - entered before
        loop = asyncio.get_running_loop()
        # A server that is closed leaves open what it has just accepted, so that comes first.
        for listening in self._server.sockets:
            loop.remove_reader(listening)
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
        self._server.close()
        served = dict(self._served)
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        for writer in served.values():
            writer.transport.abort()
            await _closed(writer)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._served[task] = writer
        task.add_done_callback(self._served.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            status, answer = await self._answer(reader)
            body = json.dumps(answer).encode()
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client has gone away
        finally:
            writer.close()
        await _closed(writer)

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[HTTPStatus, Mapping[str, Any]]:
        try:
            body = await self._body(reader)
            return HTTPStatus.OK, await self._complete(body)
        except _Refused as refused:
            return refused.status, refused.answer
        except LeanAgentError as error:
            refused = _Refused(HTTPStatus.BAD_REQUEST, error.message, error.code)
            return refused.status, refused.answer
        except (ConnectionError, asyncio.IncompleteReadError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
            message = f"endpoint: unexpected {type(error).__name__}: {error}"
            self._run.failure = self._run.failure or LeanAgentError(message)
            refused = _Refused(HTTPStatus.BAD_REQUEST, message)
            return refused.status, refused.answer

    async def _body(self, reader: asyncio.StreamReader) -> bytes:
        """The body of a request that may be served.

        Raises:
            _Refused: it may not.
        """
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise _Refused(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the header is too long"
            ) from None
        line, _, rest = head.partition(b"\r\n")
        headers = BytesHeaderParser().parsebytes(rest)
        token = str(headers.get("Authorization", ""))
        if not secrets.compare_digest(token.encode(), f"Bearer {self.key}".encode()):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "wrong token", "invalid_api_key")
        if line.split()[:2] != [b"POST", _PATH.encode()]:
            raise _Refused(HTTPStatus.NOT_FOUND, f"only POST {_PATH} is offered")
        length = str(headers.get("Content-Length", ""))
        if not length.isdecimal():
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        if int(length) > _MAX_BODY:
            message = f"a body of {length} bytes is over {_MAX_BODY}"
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        return await reader.readexactly(int(length))

    async def _complete(self, body: bytes) -> Mapping[str, Any]:
        try:
            request = read_request(json.loads(body))
        except (ValueError, BadRequestError) as error:
            message = str(error) if isinstance(error, BadRequestError) else "the body is no JSON"
            # No fault of the model's: the attempt must not count as a wrong answer.
            self._run.failure = self._run.failure or LeanAgentError(f"endpoint: {message}")
            raise _Refused(HTTPStatus.BAD_REQUEST, message) from error
        if request.tool_choice == "required" and self._run.meter.model.card.grammar:
            # llama.cpp forbids the text to end before a native call, which a model that writes its
            # calls as text never makes: it runs on until its output is used up.
            request = replace(request, tool_choice="auto")
        response = await self._run.ask(request)
        self._answers += 1
        return write_answer(response, request.tools, number=self._answers)
