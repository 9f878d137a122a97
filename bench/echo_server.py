"""A loopback server that answers chat completions at once, in a process of its own.

While a conversation has fewer assistant messages than its first user message asks for ("begin N"),
the answer is a tool call; then it is text. Stateless, one handler, no framework: what is measured
beside it is the client.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

__all__ = ["main"]


def _completion(body: dict[str, Any]) -> bytes:
    messages: list[dict[str, Any]] = body["messages"]
    asked = next(m["content"] for m in messages if m["role"] == "user")
    done = sum(m["role"] == "assistant" for m in messages)
    message: dict[str, Any] = {"role": "assistant", "content": "done"}
    finish = "stop"
    if done < int(asked.split()[1]) - 1:
        function = {"name": "step", "arguments": json.dumps({"number": done})}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": f"call_{done}", "type": "function", "function": function}],
        }
        finish = "tool_calls"
    return json.dumps(
        {
            "id": "chatcmpl-echo",
            "object": "chat.completion",
            "created": 0,
            "model": "echo",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }
    ).encode()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            payload = _completion(json.loads(await reader.readexactly(length)))
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                + str(len(payload)).encode()
                + b"\r\n\r\n"
                + payload
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Print the port, then serve until stdin closes."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
