"""Servers at an address that flood, stall, lead elsewhere or go away."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lean_agent import ConfigurationError, RunContext, ToolError
from lean_agent_tools.mcp import MCPServer, mcp_tools

KEY = "correct-horse-battery"
HABITS = ("good", "large", "event", "zipped", "moved", "page", "broken", "gone", "hang", "mute")


class RudeSite:
    """Speaks MCP over HTTP by hand. A tool is called as what comes of its call; ``moved`` leads to
    the site ``elsewhere``.
    """

    def __init__(self, elsewhere: str = "") -> None:
        self.requests: list[str] = []
        self._elsewhere = elsewhere

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(head)
                length = [line for line in head.lower().split("\r\n") if "content-length" in line]
                size = int(length[0].partition(":")[2]) if length else 0
                request: dict[str, Any] = json.loads(await reader.readexactly(size)) if size else {}
                if not await self._answer(request, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        method: str | None = request.get("method")
        params: dict[str, Any] = request.get("params", {})
        if "id" not in request:
            return await _send(writer, 405 if method is None else 202)
        if method == "initialize":
            result: dict[str, Any] = {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "site", "version": "1"},
            }
        elif method == "tools/list":
            schema = {"type": "object"}
            result = {"tools": [{"name": name, "inputSchema": schema} for name in HABITS]}
        elif method == "tools/call":
            return await self._called(request["id"], params["name"], writer)
        else:
            return await _send(writer, 404)
        return await _send(writer, 200, _said(request["id"], result))

    async def _called(self, number: Any, name: str, writer: asyncio.StreamWriter) -> bool:
        text = "b" * 9_000_000 if name in {"large", "event"} else "good"
        body = _said(number, {"content": [{"type": "text", "text": text}]})
        match name:
            case "event":
                return await _send(writer, 200, b"data: " + body + b"\n\n", "text/event-stream")
            case "zipped":
                more = "content-encoding: gzip\r\n"
                return await _send(writer, 200, gzip.compress(body), more=more)
            case "moved":
                return await _send(writer, 307, more=f"location: {self._elsewhere}\r\n")
            case "page":
                return await _send(writer, 200, b"<h1>Sign in</h1>", "text/html")
            case "broken":
                return await _send(writer, 500, f"key {KEY} is wrong".encode(), "text/plain")
            case "gone":
                return False
            case "hang":
                await asyncio.sleep(60)
            case "mute":
                return await _send(writer, 202)
            case _:
                pass
        return await _send(writer, 200, body)


def _said(number: Any, result: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes = b"",
    kind: str = "application/json",
    more: str = "",
) -> bool:
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}{more}\r\n".encode() + body)
    await writer.drain()
    return True


@asynccontextmanager
async def listening(site: RudeSite) -> AsyncGenerator[str]:
    server = await asyncio.start_server(site.connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()


@pytest.mark.slow
async def test_whatever_a_site_answers_is_a_line_and_the_next_call_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SITE_KEY", KEY)
    other = RudeSite()
    async with listening(other) as elsewhere, listening(RudeSite(elsewhere)) as url:
        server = MCPServer(name="site", url=url, headers={"X-Key": "${SITE_KEY}"}, seconds=2)
        async with mcp_tools(server) as found:
            tools = {tool.spec.name: tool for tool in found}
            for name in HABITS[1:]:
                with pytest.raises(ToolError) as caught:
                    await tools[f"site__{name}"].call({}, RunContext())
                message = caught.value.message
                assert message.startswith("the MCP server site"), name
                assert message.isprintable(), name
                assert KEY not in message
                assert len(message) < 600
                assert await tools["site__good"].call({}, RunContext()) == "good", name
    assert other.requests == [], "the key goes nowhere else"


async def test_a_site_that_is_no_server_of_mcp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_KEY", KEY)

    class Page(RudeSite):
        async def _answer(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
            return await _send(writer, 200, f"<h1>{KEY}</h1>".encode(), "text/html")

    async with listening(Page()) as url:
        server = MCPServer(name="site", url=url, headers={"X-Key": "${SITE_KEY}"}, start_seconds=5)
        with pytest.raises(ConfigurationError, match="site did not start") as caught:
            async with mcp_tools(server):
                pass
    assert KEY not in caught.value.message
