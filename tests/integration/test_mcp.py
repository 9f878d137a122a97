"""A real MCP server, made with the official SDK, in a process of its own; and the agent as one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent
from support.cli import LEAN_AGENT, acts_natively, environment, in_process
from support.fake_openai import FakeOpenAI, Reply

from lean_agent import Agent, RunContext, ToolError
from lean_agent.approval import Approval, ApprovalRequest
from lean_agent.messages import Message, ToolCall
from lean_agent.models.scripted import ScriptedModel
from lean_agent_tools.mcp import MCPServer, mcp_tools

SERVER = str(Path(__file__).parents[1] / "support" / "mcp_server.py")
RUDE = str(Path(__file__).parents[1] / "support" / "rude_mcp_server.py")
KEY = "correct-horse-battery"


def calling(name: str, **arguments: Any) -> Message:
    call = ToolCall(id="1", name=name, arguments=arguments)
    return Message("assistant", "", tool_calls=(call,))


@pytest.mark.slow
async def test_an_agent_calls_the_tools_of_a_server_and_asks_before_those_that_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    asked: list[ApprovalRequest] = []
    note = tmp_path / "note.txt"

    async def approve(request: ApprovalRequest) -> Approval:
        asked.append(request)
        return Approval(verdict="always")

    model = ScriptedModel(
        [
            calling("notes__add", a=2, b=40),
            calling("notes__write_note", path=str(note), text="one"),
            calling("notes__write_note", path=str(note), text="two"),
            "done",
        ]
    )
    server = MCPServer(name="notes", command=sys.executable, args=[SERVER], trust_annotations=True)
    async with mcp_tools(server) as found:
        tools = {tool.spec.name: tool for tool in found}
        agent = Agent(model=model, tools=found, approve=approve, mode="agent")
        result = await agent.run("Note it.")
        picture = await tools["notes__picture"].call({}, RunContext())
        with pytest.raises(ToolError, match="validation error"):
            await tools["notes__add"].call({"a": "x", "b": 1}, RunContext())
        variables = await tools["notes__told"].call({}, RunContext())
    assert [step.observation for step in result.trajectory] == [
        "42",
        "wrote 3 characters",
        "wrote 3 characters",
    ]
    assert [request.pattern for request in asked] == ["notes__write_note:*"]
    assert '"text": "one"' in asked[0].preview
    assert note.read_text() == "two"
    assert picture == "[image, image/png, about 42 bytes: not shown]"
    assert "PATH" in variables
    assert "OPENAI_API_KEY" not in variables


@pytest.fixture
def over_http() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, SERVER, "--http"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.mark.slow
async def test_a_server_over_http_gets_its_header_and_no_model_reads_it(
    over_http: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTES_KEY", KEY)
    server = MCPServer(name="notes", url=over_http, headers={"X-Key": "${NOTES_KEY}"})
    async with mcp_tools(server) as found:
        tools = {tool.spec.name: tool for tool in found}
        assert await tools["notes__header"].call({}, RunContext()) == "[redacted]"
        calls = [tools["notes__add"].call({"a": n, "b": 1}, RunContext()) for n in range(5)]
        assert await asyncio.gather(*calls) == ["1", "2", "3", "4", "5"]


def configured(folder: Path, text: str) -> None:
    path = folder / "config" / "lean-agent" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def table(name: str, *args: str, more: str = "") -> str:
    command = f"command = {json.dumps(sys.executable)}\nargs = {json.dumps(args)}"
    return f"[mcp.{name}]\n{command}\n{more}\n"


@pytest.mark.slow
def test_the_terminal_lists_checks_and_uses_the_servers_of_the_file(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    env = 'env = { RUDE_KEY = "${RUDE_SECRET}" }'
    configured(
        tmp_path,
        table("rude", RUDE, "rowdy", more=f"trust_annotations = true\n{env}")
        + table("gone", RUDE, "exit", more=env),
    )
    listed = in_process("mcp", "list", "--json", folder=tmp_path, RUDE_SECRET=KEY)
    rude, gone = listed.json
    assert [tool["approval"] for tool in rude["tools"]] == [False, True, True, True]
    assert "no configuration for [redacted]" in gone["error"]["message"]
    assert (listed.code, KEY in listed.out + listed.err) == (1, False)
    checks = in_process("doctor", "--json", folder=tmp_path, RUDE_SECRET=KEY).json["checks"]
    states = {check["name"]: (check["state"], check["detail"]) for check in checks}
    assert states["mcp:rude"] == ("ok", "4 tools")
    assert states["mcp:gone"][0] == "missing"
    acts_natively(server.url, tmp_path)
    server.say(Reply(text="", tool_calls=(("rude__good", "{}"),)), Reply(text="done"))
    asking = ("ask", "--model", "openai:x", "--base-url", server.url, "--mode", "agent")
    allowed = ("--allow", "gone__*", "--allow", "gone__x:y")
    ended = in_process(*asking, *allowed, "Do good.", folder=tmp_path, RUDE_SECRET=KEY)
    assert (ended.code, ended.out) == (0, "done\n")
    assert "failed" not in ended.err
    assert "note: the MCP server gone did not start" in ended.err
    offered = [tool["function"]["name"] for tool in server.chats[0].body["tools"]]
    assert "rude__good" in offered


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[mcp.a]\ncomand = 'x'", "line 2: no setting is called 'comand'"),
        ("[mcp.a]\nargs = 'x'", "args cannot be 'x': it is not a list of texts"),
        ("[mcp.a]\nheaders = { X-Key = 'hunter2' }", "headers.X-Key may be a secret"),
        ("[mcp.a]\nenv = { A = 'sk-0123456789abcdefghij' }", "looks like a secret"),
        ("[mcp.a]\nurl = 'https://h'\nseconds = -1", "not a number of seconds above 0"),
        ("[mcp]\na = 1", "mcp.a is not a table"),
        ("[mcp.a]\nseconds = 3", "MCP server a: it needs a command or a url"),
    ],
)
def test_a_mistake_in_a_table_is_told_with_its_line_and_no_secret(
    text: str, message: str, tmp_path: Path
) -> None:
    configured(tmp_path, text)
    ended = in_process("mcp", "list", folder=tmp_path)
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert "hunter2" not in ended.err
    assert "sk-0123456789" not in ended.err


@pytest.mark.slow
async def test_the_agent_serves_others_within_its_budget(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    acts_natively(server.url, tmp_path)
    known = ["--model", "openai:x", "--base-url", server.url, "--max-tokens", "8000"]
    parameters = StdioServerParameters(
        command=LEAN_AGENT, args=["mcp", "serve", *known], env=environment(tmp_path)
    )
    told: list[str | None] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        told.append(message)

    with (tmp_path / "errors").open("w+") as errors:
        async with Client(stdio_client(parameters, errlog=errors)) as client:
            (tool,) = (await client.list_tools()).tools
            server.say(Reply(text="4"))
            answer = await client.call_tool(
                "ask", {"question": "What is 2 + 2?"}, progress_callback=heard
            )
            long = await client.call_tool("ask", {"question": "word " * 9_000})
            server.say(*[Reply(status=400, body={"error": {"message": "no"}})] * 3)
            failed = await client.call_tool("ask", {"question": "What is 2 + 3?"})
        errors.seek(0)
        assert "Traceback" not in errors.read()
    assert (tool.name, tool.annotations and tool.annotations.read_only_hint) == ("ask", True)
    assert texts(answer)[0] == "4"
    assert texts(answer)[1].startswith("[completed | ")
    assert answer.structured_content["exit_status"] == "completed"
    assert answer.structured_content["usage"]["input_tokens"] > 0
    assert long.structured_content["exit_status"] == "limit_exceeded"
    assert failed.is_error
    assert failed.structured_content["error"]["code"] == "model"
    assert told


@pytest.mark.slow
async def test_the_served_agent_has_the_servers_of_the_file_but_never_itself(
    server: FakeOpenAI, tmp_path: Path
) -> None:
    acts_natively(server.url, tmp_path)
    known = ["--model", "openai:x", "--base-url", server.url, "--mode", "agent"]
    served = ["mcp", "serve", *known, "--allow", "own__*"]
    env = environment(tmp_path)
    kept = {name: env[name] for name in env if name.startswith("XDG_")}
    within = json.dumps({**kept, "OPENAI_API_KEY": "${OPENAI_API_KEY}"}).replace('": "', '" = "')
    configured(
        tmp_path,
        table("notes", SERVER, more="trust_annotations = true")
        + f"[mcp.own]\ncommand = {json.dumps(LEAN_AGENT)}\nargs = {json.dumps(served)}\n"
        + f"env = {within}\n",
    )
    parameters = StdioServerParameters(command=LEAN_AGENT, args=served, env=env)
    call = (("own__ask", '{"question": "What is within?"}'),)
    server.say(Reply(text="", tool_calls=call), Reply(text="nothing"), Reply(text="done"))
    with (tmp_path / "errors").open("w+") as errors:
        async with Client(stdio_client(parameters, errlog=errors)) as client:
            answer = await client.call_tool("ask", {"question": "What is there?"})
        errors.seek(0)
        assert "left out, as nobody can be asked: 1 tool of MCP servers" in errors.read()
    assert texts(answer)[0] == "done"
    outer, inner, _ = (
        {tool["function"]["name"] for tool in chat.body["tools"]} for chat in server.chats
    )
    assert {"notes__add", "own__ask"} <= outer
    assert "notes__write_note" not in outer, "it needs a yes that nobody can give"
    assert inner
    assert not [name for name in inner if "__" in name]
    assert "nothing" in server.chats[2].body["messages"][-1]["content"]


def texts(result: CallToolResult) -> list[str]:
    return [block.text for block in result.content if isinstance(block, TextContent)]
