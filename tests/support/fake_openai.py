"""A server on loopback that speaks OpenAI's chat API as asked: well, slowly, or wrongly.

    with FakeOpenAI() as server:                    # answers "ok" to everything
        server.say(Reply(text="4"), Reply(status=503))
        ... base_url=server.url ...
        assert server.requests[0].body["temperature"] == 0

It runs in a thread with an event loop of its own, so tests of both kinds can use it, and closes
every connection at the end. ``FakeOpenAI(handler)`` decides per request. As a program,
``python tests/support/fake_openai.py``, it prints its address and serves until stdin closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

__all__ = ["FakeOpenAI", "FakeRequest", "Reply"]

Fault = Literal[
    "cut", "no_end", "half_json", "empty_choices", "hang", "stall", "error_in_stream", "reset"
]
UsageShape = Literal["openai", "deepseek", "openrouter", "xai", "llama_cpp", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer.

    ``tool_calls`` are (name, arguments as sent). ``body`` replaces the whole body, for errors, and
    ``chunks`` those of a stream.
    ``delay`` comes before the first byte and ``piece_delay`` before each piece (an eighth of a body
    that is not streamed), in seconds. ``held`` is waited for before any of that.
    ``run_on`` is repeated for ever after the text, until the client goes away.

    Faults: cut (the connection closes in the middle), no_end (a stream ends without a finish
    reason), half_json, empty_choices, hang (never answers), stall (sends all but the end, then
    nothing), error_in_stream, reset (the connection is gone before anything is sent).
    """

    text: str = "ok"
    tool_calls: tuple[tuple[str, str], ...] = ()
    reasoning: str = ""
    finish_reason: str | None = None
    usage: UsageShape = "openai"
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    piece_chars: int = 4
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    chunks: Sequence[Any] | None = None
    held: asyncio.Event | None = None
    delay: float = 0.0
    piece_delay: float = 0.0
    run_on: str = ""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class FakeRequest:
    path: str
    headers: Mapping[str, str]
    body: Any


def tokens(text: str) -> int:
    """The server's own idea of a token: four characters."""
    return -(-len(text) // 4)


class FakeOpenAI:
    """The server. ``reported`` sums the (prompt, completion) tokens of its usages."""

    def __init__(self, handler: Callable[[FakeRequest], Reply] | None = None) -> None:
        self.requests: list[FakeRequest] = []
        self.reported = [0, 0]
        self.connections = 0
        self.asked = threading.Event()
        """Set once a chat request has arrived."""
        self.gone = threading.Event()
        """Set once a client has closed a stream before its end."""
        self._handler = handler
        self._replies: deque[Reply] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    def say(self, *replies: Reply) -> None:
        """Answer the next requests with these, in order; afterwards with "ok" again."""
        self._replies.extend(replies)

    @property
    def chats(self) -> list[FakeRequest]:
        """The chat requests, without those that count tokens."""
        return [r for r in self.requests if r.path.endswith("/chat/completions")]

    def thread_seconds(self) -> float:
        """Processor time that the server has taken."""
        assert self._thread.ident is not None
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))

    def start(self) -> Self:
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.close()

    async def _listen(self) -> str:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        except asyncio.CancelledError:
            pass  # the server stops
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False once the connection is done for."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return False
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:-2])}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        request = FakeRequest(head[0].split()[1], headers, json.loads(raw) if raw else None)
        self.requests.append(request)
        if request.path in {"/tokenize", "/apply-template"}:
            return await self._send(writer, Reply(body=_llama_cpp_count(request)))
        self.asked.set()
        return await self._answer(request, writer)

    async def _answer(self, request: FakeRequest, writer: asyncio.StreamWriter) -> bool:
        if self._replies:
            reply = self._replies.popleft()
        else:
            reply = self._handler(request) if self._handler else Reply()
        if reply.held is not None:
            await reply.held.wait()
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.fault == "hang":
            await asyncio.sleep(3600)
        if reply.fault == "reset":
            linger = struct.pack("ii", 1, 0)  # nothing is said goodbye to
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            return False
        if reply.status == 200 and reply.body is None and request.body.get("stream"):
            return await self._stream(request, reply, writer)
        return await self._send(writer, reply, request)

    async def _send(
        self, writer: asyncio.StreamWriter, reply: Reply, request: FakeRequest | None = None
    ) -> bool:
        body = reply.body
        if body is None and request is not None:
            body = self._completion(request, reply)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if reply.fault == "half_json":
            data = data[: len(data) // 2]
        head = _head(reply, {"content-type": "application/json", "content-length": str(len(data))})
        if reply.fault == "cut":
            writer.write(head + data[: len(data) // 2])
            await writer.drain()
            return False
        writer.write(head)
        step = len(data) // 8 + 1 if reply.piece_delay else len(data)
        for start in range(0, len(data), step or 1):
            await asyncio.sleep(reply.piece_delay)
            writer.write(data[start : start + step])
        await writer.drain()
        return True

    async def _stream(
        self, request: FakeRequest, reply: Reply, writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(
            _head(reply, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        )
        chunks = list(self._chunks(request, reply) if reply.chunks is None else reply.chunks)
        kept = chunks[: len(chunks) // 2] if reply.fault in {"cut", "no_end"} else chunks
        for chunk in kept:
            if reply.piece_delay:
                await asyncio.sleep(reply.piece_delay)
            _write_event(writer, json.dumps(chunk))
            await writer.drain()
        if reply.fault == "cut":
            return False
        if reply.fault == "stall":
            await asyncio.sleep(3600)
        if reply.fault == "half_json":
            _write_event(writer, '{"choices": [{"delta": {"cont')
        while reply.run_on:
            _write_event(writer, json.dumps(_chunk({"content": reply.run_on})))
            await writer.drain()
            await asyncio.sleep(0.0005)
        if reply.fault != "no_end":
            _write_event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _completion(self, request: FakeRequest, reply: Reply) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        if reply.tool_calls:
            message["tool_calls"] = _calls(reply)
        choice = {"index": 0, "message": message, "finish_reason": _reason(reply)}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": request.body["model"],
            "choices": [] if reply.fault == "empty_choices" else [choice],
            **self._usage(request, reply),
        }

    def _chunks(self, request: FakeRequest, reply: Reply) -> Iterator[dict[str, Any]]:
        if reply.fault == "empty_choices":
            yield {"choices": []}
            return
        if reply.reasoning:
            yield _chunk({"reasoning_content": reply.reasoning})
        for start in range(0, len(reply.text), reply.piece_chars):
            yield _chunk({"content": reply.text[start : start + reply.piece_chars]})
        for index, call in enumerate(_calls(reply)):
            arguments = call["function"]["arguments"]
            call["function"]["arguments"] = ""
            yield _chunk({"tool_calls": [{"index": index, **call}]})
            for start in range(0, len(arguments), reply.piece_chars):
                piece = {"arguments": arguments[start : start + reply.piece_chars]}
                yield _chunk({"tool_calls": [{"index": index, "function": piece}]})
        if reply.fault == "error_in_stream":
            yield {"error": {"message": "the upstream went away", "code": 502}}
        if not reply.run_on:
            yield _chunk({}, _reason(reply))
            if reply.usage != "none":
                yield {"choices": [], **self._usage(request, reply)}

    def _usage(self, request: FakeRequest, reply: Reply) -> dict[str, Any]:
        prompt = tokens(json.dumps(request.body["messages"]))
        visible = tokens(reply.text + "".join(raw for _, raw in reply.tool_calls))
        output = visible + reply.reasoning_tokens
        cached = reply.cached_tokens
        self.reported[0] += prompt
        self.reported[1] += output
        counted: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
        }
        details = {
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        }
        match reply.usage:
            case "openai":
                return {"usage": counted | details}
            case "openrouter":
                details["prompt_tokens_details"]["cache_write_tokens"] = 8
                return {"usage": counted | details | {"cost": 0.5}}
            case "deepseek":
                hit = {"prompt_cache_hit_tokens": cached, "prompt_cache_miss_tokens": prompt}
                return {"usage": counted | hit}
            case "xai":
                return {"usage": counted | details | {"completion_tokens": visible}}
            case "llama_cpp":
                timings = {"cache_n": cached, "prompt_n": prompt - cached, "prompt_ms": 250.0}
                return {
                    "usage": counted,
                    "timings": timings | {"predicted_n": output, "predicted_ms": 500.0},
                }
            case "none":
                return {}


def _llama_cpp_count(request: FakeRequest) -> dict[str, Any]:
    if request.path == "/apply-template":
        return {"prompt": json.dumps(request.body)}
    return {"tokens": list(range(tokens(request.body["content"])))}


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": raw}}
        for i, (name, raw) in enumerate(reply.tool_calls)
    ]


def _reason(reply: Reply) -> str:
    return reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _head(reply: Reply, headers: dict[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in (headers | dict(reply.headers)).items()]
    return "\r\n".join([f"HTTP/1.1 {reply.status} Said", *lines, "", ""]).encode("latin-1")


def _write_event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(b"%x\r\n%s\r\n" % (len(event), event))


def main() -> None:
    with FakeOpenAI() as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
