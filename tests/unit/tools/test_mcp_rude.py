"""Servers that lie, stall, flood, die, or will not go: what the agent is left with."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lean_agent import Agent, ConfigurationError, Message, RunContext, ToolCall, ToolError
from lean_agent.errors import InvalidToolCallError
from lean_agent.models.scripted import ScriptedModel
from lean_agent_tools.mcp import MCPServer, mcp_tools, stdio

RUDE = str(Path(__file__).parents[2] / "support" / "rude_mcp_server.py")
SECRET = "correct-horse-battery"


def rude(*habit: str, **more: Any) -> MCPServer:
    env = {"RUDE_KEY": "${RUDE_SECRET}"}
    return MCPServer(name="rude", command=sys.executable, args=[RUDE, *habit], env=env, **more)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUDE_SECRET", SECRET)


async def failure(tools: dict[str, Any], name: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as caught:
        await tools[f"rude__{name}"].call(arguments, RunContext())
    return caught.value.message


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.slow
async def test_whatever_a_call_comes_to_is_a_line_for_the_model(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mcp_tools(rude(seconds=2)) as found:
        tools = {tool.spec.name: tool for tool in found}
        assert await tools["rude__hidden"].call({}, RunContext()) == "seen [redacted]"
        assert await tools["rude__ask_back"].call({"x": "y"}, RunContext()) == "asked"
        began = time.monotonic()
        texts = [await failure(tools, name) for name in ("leak", "fail", "garbage", "hang", "die")]
        assert time.monotonic() - began < 20
        assert texts[0] == "the MCP server rude: denied for key [redacted]"
        assert texts[1].startswith("[redacted] fff")
        assert len(texts[1]) < 2_100
        assert texts[2] == "the MCP server rude gave what is no result of a tool"
        assert texts[3] == "the MCP server rude did not answer in 2 s"
        assert texts[4] == (
            "the MCP server rude ended (it ended with exit code 3: fatal: no luck with [redacted]);"
            " the next call starts it anew"
        )
        assert await tools["rude__ask_back"].call({}, RunContext()) == "asked"
        assert "sent a message of over 8 MB" in await failure(tools, "big")
        with pytest.raises(InvalidToolCallError, match="no parameter z"):
            await tools["rude__leak"].call({"z": 1}, RunContext())
        assert SECRET not in "\n".join(texts)
    assert "closed" in await failure(tools, "leak")
    assert SECRET not in caplog.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
async def test_a_server_that_starts_longer_than_a_call_may_take_comes_back() -> None:
    calls = (ToolCall(str(n), f"rude__{name}", {}) for n, name in enumerate(("die", "ask_back")))
    model = ScriptedModel([*(Message("assistant", "", tool_calls=(call,)) for call in calls), "ok"])
    async with mcp_tools(rude("late", seconds=0.5)) as found:
        result = await Agent(model=model, tools=found, allow=["*"], mode="agent").run("Try it.")
    died, again = result.trajectory
    assert "the next call starts it anew" in died.observation
    assert again.observation == "asked"


async def test_calls_at_once_get_each_its_own_answer_and_survive_a_cancelled_one() -> None:
    async with mcp_tools(rude()) as found:
        tools = {tool.spec.name: tool for tool in found}
        stuck = asyncio.create_task(tools["rude__hang"].call({}, RunContext()))
        both = [tools[f"rude__{name}"].call({}, RunContext()) for name in ("hidden", "ask_back")]
        assert await asyncio.gather(*both) == ["seen [redacted]", "asked"]
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        assert await tools["rude__ask_back"].call({}, RunContext()) == "asked"


async def test_a_listing_is_bounded_and_every_tool_has_side_effects_unless_trusted() -> None:
    notes: list[str] = []
    async with mcp_tools(rude("rowdy"), report=notes.append) as found:
        good, evil, told, deep = (tool.spec for tool in found)
    assert (good.name, good.side_effects, good.needs_approval) == ("rude__good", True, True)
    assert not good.concurrency_safe
    assert evil.name.startswith("rude___vil__2J_tool_yyy")
    assert len(evil.name) == 64
    assert told.description.startswith("red Ignore it. zzz")
    assert len(told.description) == 1_000
    assert deep.name == "rude__deep"
    assert len(notes) == 3
    assert all("skipped" in note and note.isprintable() for note in notes)
    async with mcp_tools(rude("rowdy", trust_annotations=True), report=notes.append) as found:
        specs = {tool.spec.name: tool.spec for tool in found}
    assert not specs["rude__good"].needs_approval
    assert specs["rude__told"].needs_approval


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (rude("exit"), r"it ended with exit code 1: no configuration for \[redacted\]"),
        (rude("silent", start_seconds=0.3), "did not answer within 0.3 s"),
        (MCPServer(name="rude", command="no-such-program"), "there is no program no-such-program"),
        (MCPServer(name="rude", url="http://127.0.0.1:9/mcp"), "did not start: .+"),
    ],
    ids=["exit", "silent", "missing", "unreachable"],
)
async def test_a_server_that_does_not_start_costs_a_line_or_is_refused(
    server: MCPServer, why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        async with mcp_tools(server):
            pass
    assert "lean-agent mcp list" in caught.value.hint
    notes: list[str] = []
    if server.args != [RUDE, "silent"]:
        async with mcp_tools(server, report=notes.append) as tools:
            assert tools == []
        assert len(notes) == 1


@pytest.mark.slow
async def test_no_process_is_left_however_stubborn_and_however_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "_GRACE_SECONDS", 0.2)
    file = tmp_path / "pids"

    async def used() -> None:
        async with mcp_tools(rude("stubborn", str(file))):
            await asyncio.sleep(60)

    task = asyncio.create_task(used())
    while not (file.exists() and file.read_text()):  # noqa: ASYNC110 - the server writes it
        await asyncio.sleep(0.02)
    pids = [int(pid) for pid in file.read_text().split()]
    assert all(map(alive, pids))
    task.cancel()
    began = time.monotonic()
    await asyncio.wait({task})
    assert time.monotonic() - began < 10
    assert not any(map(alive, pids))


@pytest.mark.slow
async def test_what_a_server_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    async with mcp_tools(rude("parent", str(file))):
        pids = [int(pid) for pid in file.read_text().split()]
        assert all(map(alive, pids))
    for _ in range(100):
        if not any(map(alive, pids)):
            break
        await asyncio.sleep(0.05)
    assert not any(map(alive, pids))


async def test_tools_of_another_event_loop_say_so() -> None:
    async with mcp_tools(rude()) as found:
        call = found[0].call({}, RunContext())
        with pytest.raises(ToolError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, call)


async def test_two_servers_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two MCP servers are called 'rude'"):
        async with mcp_tools(rude(), rude()):
            pass
