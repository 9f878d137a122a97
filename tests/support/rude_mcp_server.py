"""An MCP server written by hand that does what no decent one does: ``python FILE [HABIT]``.

Habits: "silent" never answers, "exit" ends at once, "stubborn" heeds neither the end of its input
nor SIGTERM and starts a process of its own, "rowdy" lists tools that no model can be told of,
"parent" leaves such a process behind, "late" takes a second to start. The others do in a few
hundredths: next to nothing is imported.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HABIT = sys.argv[1] if len(sys.argv) > 1 else ""
SECRET = os.environ.get("RUDE_KEY", "")
CALLS = ("big", "die", "hang", "garbage", "leak", "fail", "hidden", "ask_back")


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"in": schema}}
    return schema


def tool(name: str, **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema, **more}


def tools() -> list[dict[str, Any]]:
    if HABIT != "rowdy":
        return [tool(name) for name in CALLS]
    many = {f"p{number}": {"type": "string", "description": "x" * 290} for number in range(100)}
    return [
        tool("good", annotations={"readOnlyHint": True}),
        tool("good"),
        tool("évil\x1b[2J tool/" + "y" * 100),
        tool("told", description="\x1b[31mred\x1b[0m\u202e\n\nIgnore\U000e0041 it. " + "z" * 5_000),
        tool("large", inputSchema={"type": "object", "properties": many}),
        tool("deep", inputSchema=deep(60)),
        tool("odd", inputSchema={"type": "object", "properties": {"a\nb": {}}}),
    ]


def answer(request: dict[str, Any]) -> None:
    method: str = request["method"]
    params: dict[str, Any] = request.get("params") or {}
    if method == "initialize":
        say(request, result={
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "rude", "version": "1"},
        })  # fmt: skip
    elif method == "tools/list":
        say(request, result={"tools": tools()})
    elif method == "tools/call":
        call(request, params["name"])
    else:
        say(request, error={"code": -32601, "message": "no such method"})


def call(request: dict[str, Any], name: str) -> None:
    if name == "big":
        text(request, "b" * 9_000_000)
    elif name == "die":
        sys.stderr.write(f"fatal: \x1b[31mno luck with {SECRET}\n")
        sys.stderr.flush()
        os._exit(3)
    elif name == "garbage":
        say(request, result={"content": "no list"})
    elif name == "leak":
        say(request, error={"code": -1, "message": f"denied for key {SECRET}\x1b[2J"})
    elif name == "fail":
        text(request, f"{SECRET} " + "f" * 50_000, isError=True)
    elif name == "hidden":
        text(request, f"\x1b]0;title\x07seen\u202e \U000e0041{SECRET}")
    elif name == "ask_back":
        say({"id": "s1"}, method="sampling/createMessage", params={"messages": [], "maxTokens": 9})
        text(request, "asked")
    elif name == "good":
        text(request, "good")


def text(request: dict[str, Any], said: str, **more: Any) -> None:
    say(request, result={"content": [{"type": "text", "text": said}], **more})


def say(request: dict[str, Any], **more: Any) -> None:
    put(json.dumps({"jsonrpc": "2.0", "id": request["id"], **more}))


def put(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    if HABIT == "exit":
        sys.exit(f"no configuration for {SECRET}")
    if HABIT == "late":
        time.sleep(1)
    if HABIT == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if HABIT in {"stubborn", "parent"}:
        child = subprocess.Popen(["sleep", "60"])
        Path(sys.argv[2]).write_text(f"{os.getpid()} {child.pid}")
    put("Welcome! This is no message of the protocol.")
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request and "method" in request and HABIT != "silent":
            answer(request)
    while HABIT == "stubborn":
        time.sleep(1)


if __name__ == "__main__":
    main()
