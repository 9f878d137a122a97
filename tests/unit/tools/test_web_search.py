"""web_search against a stand-in server on loopback that answers as SearXNG and Brave do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.fake_openai import FakeOpenAI, FakeRequest, Reply
from support.scripted_runs import NATIVE, agent

from lean_agent import ConfigurationError, Ledger, RunContext, ToolError
from lean_agent.messages import Message, ToolCall
from lean_agent.tool_spec import Previewing
from lean_agent_tools.web_search import web_search, web_search_tool
from lean_agent_tools.web_search_providers import Brave, SearXNG, WebResult

CTX = RunContext()
FOUND: dict[str, Any] = {
    "results": [
        {"title": "Gallium", "url": "https://a.example/ga", "content": "It melts\nat 29.8."},
        {"title": "\x1b[31mRed\x1b[0m\u202e", "url": "https://b.example/", "content": "x" * 900},
        {"title": "No page", "url": "javascript:alert(1)", "content": "y"},
        {"title": None, "url": "https://c.example/", "content": {"not": "text"}},
        {"url": 7},
        "nonsense",
    ]
}


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEARXNG_URL", raising=False)


def asked(request: FakeRequest) -> tuple[str, dict[str, list[str]]]:
    parts = urlsplit(request.path)
    return parts.path, parse_qs(parts.query)


async def test_a_searxng_named_by_the_environment_is_asked(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARXNG_URL", f"{server.url}/")
    server.say(Reply(body=FOUND))
    text = await web_search.call({"query": " gallium &\nmelting "}, CTX)
    assert asked(server.requests[0]) == (
        "/v1/search",
        {"q": ["gallium & melting"], "format": ["json"]},
    )
    assert text.split("\n\n") == [
        "[1] Gallium\nhttps://a.example/ga\nIt melts at 29.8.",
        f"[2] [31mRed [0m\nhttps://b.example/\n{'x' * 397}...",
        "[3] (no title)\nhttps://c.example/",
    ]


async def test_brave_is_asked_with_its_key(server: FakeOpenAI) -> None:
    entry = {"title": "Ga &amp; In", "url": "https://a.example/", "description": "A &lt;b&gt;"}
    server.say(Reply(body={"web": {"results": [entry] * 3}}))
    found = await web_search_tool(Brave("a-key-123456", server.url), k=2).call({"query": "ga"}, CTX)
    (request,) = server.requests
    assert request.headers["x-subscription-token"] == "a-key-123456"
    assert asked(request)[1] == {"q": ["ga"], "count": ["2"], "text_decorations": ["false"]}
    assert found.startswith("[1] Ga & In\nhttps://a.example/\nA <b>\n\n[2] ")
    assert "[3]" not in found


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(status=403, body=b"no"), "403: its settings.yml must list json"),
        (Reply(status=429, body=b""), "429: try again later"),
        (Reply(status=500, body=b"<h1>oops</h1>"), "answered 500"),
        (Reply(status=302, headers={"location": "http://10.0.0.1/"}, body=b""), "leads elsewhere"),
        (Reply(body=b"<html>"), "not as a search does"),
        (Reply(body=b"[1]"), "not as a search does"),
        (Reply(body=b'{"a":' * 100_000), "not as a search does"),
        (Reply(body=b"\xff\xfe{}"), "not as a search does"),
        (Reply(body=b" " * 2_100_000), "more than is read"),
        (Reply(headers={"content-encoding": "gzip"}, body=b"\x1f\x8b"), "compressed"),
        (Reply(fault="cut", body=FOUND), "cannot be read"),
        (
            Reply(body={"results": [], "unresponsive_engines": [["google", "timeout"], 7]}),
            "did not answer: google timeout",
        ),
    ],
)
async def test_what_is_no_answer_is_one_line(server: FakeOpenAI, reply: Reply, told: str) -> None:
    server.say(reply)
    with pytest.raises(ToolError, match=told) as caught:
        await web_search_tool(SearXNG(server.url)).call({"query": "x"}, CTX)
    assert "\n" not in caught.value.message
    assert len(server.requests) == 1, "neither tried again nor followed"


async def test_nothing_found_is_said_and_nobody_there_too(server: FakeOpenAI) -> None:
    server.say(Reply(body={"results": []}))
    assert await web_search_tool(SearXNG(server.url)).call({"query": "x"}, CTX) == (
        "Nothing was found."
    )
    with pytest.raises(ToolError, match="cannot be read"):
        await web_search_tool(SearXNG("http://127.0.0.1:1")).call({"query": "x"}, CTX)


@pytest.mark.parametrize("query", ["", " \n", "\u200b", "x" * 401])
async def test_what_is_no_query_is_not_sent(server: FakeOpenAI, query: str) -> None:
    with pytest.raises(ToolError, match="the query"):
        await web_search_tool(SearXNG(server.url)).call({"query": query}, CTX)
    assert server.requests == []


async def test_what_is_not_set_up_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="neither SEARXNG_URL nor BRAVE_API_KEY"):
        await web_search.call({"query": "x"}, CTX)
    monkeypatch.setenv("SEARXNG_URL", "ftp://searx")
    with pytest.raises(ConfigurationError, match="the address of the web search is none"):
        await web_search.call({"query": "x"}, CTX)
    monkeypatch.delenv("SEARXNG_URL")
    monkeypatch.setenv("BRAVE_API_KEY", "a-key-123456")
    assert isinstance(web_search, Previewing)
    preview = await web_search.preview({"query": "tin\x1b[2J"}, CTX)
    assert preview is not None
    assert (preview.text, preview.subject) == ("ask Brave Search: tin [2J", "tin [2J")


class Own:
    name = "a shelf"

    async def search(self, query: str, count: int) -> Sequence[WebResult]:
        return [WebResult(title=query.upper(), url=f"https://shelf.example/{count}")]


async def test_a_provider_of_ones_own_within_a_run(tmp_path: Path) -> None:
    call = Message("assistant", "", tool_calls=(ToolCall("1", "web_search", {"query": "tin"}),))
    runner, model = agent(
        [call, "Found."],
        Ledger(tmp_path),
        NATIVE,
        tools=[web_search_tool(Own(), cost_hint="0.005")],
        allow=["web_search"],
    )
    result = await runner.run("Look for tin.", mode="agent")
    assert model.requests[1].messages[-1].content == "[1] TIN\nhttps://shelf.example/5"
    assert result.usage.cost == Decimal("0.005")
