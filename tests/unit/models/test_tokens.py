from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.messages import Message, ToolCall
from lean_agent.model import ModelRequest
from lean_agent.models.tokens import (
    TokenCounter,
    estimate_usage,
    prompt_bound,
    schema_bound,
    utf8_length,
)
from lean_agent.tool_spec import ToolSpec

SPEC = ToolSpec(name="add", description="Adds.", parameters={"type": "object"})


@given(st.text())
def test_a_text_has_no_more_tokens_than_bytes(text: str) -> None:
    """Even the worst tokenizer there is: one token for each byte."""
    assert utf8_length(text) == len(list(text.encode("utf-8", "surrogatepass")))
    assert prompt_bound([Message("user", text)], ()) >= len(text.encode("utf-8", "surrogatepass"))


def test_lone_surrogates_do_not_fail() -> None:
    assert utf8_length("\ud800") == 3


def test_everything_that_is_sent_is_counted() -> None:
    plain = prompt_bound([Message("user", "a")], ())
    assert prompt_bound([Message("user", "a" * 11)], ()) == plain + 10
    assert prompt_bound([Message("user", "a"), Message("user", "")], ()) > plain
    assert prompt_bound([Message("user", "a")], (SPEC,)) > plain + schema_bound(SPEC.parameters)
    arguments = {"text": "b" * 100}
    call = Message("assistant", "", (ToolCall("c1", "add", arguments),))
    assert prompt_bound([call], ()) > plain + 100


async def test_the_counter_gives_the_bound_and_follows_its_tools() -> None:
    counter = TokenCounter()
    messages = (Message("user", "grüß dich"), Message("assistant", "ok"))
    other = ToolSpec(name="longer name", description="Adds.", parameters={"type": "object"})
    for tools in ((), (SPEC,), (other,), (other, SPEC), (SPEC,), ()):
        assert await counter.count(messages, tools) == prompt_bound(messages, tools)


async def test_tiktoken_never_goes_to_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no file, a broken file and caching switched off; each without one connection."""

    def refused(*_arguments: Any, **_options: Any) -> Any:
        raise AssertionError("tried to reach the network")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    messages = (Message("user", "Hello there"),)
    bound = prompt_bound(messages, ())
    assert await TokenCounter("gpt-4o").count(messages, ()) == bound
    url = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
    (tmp_path / hashlib.sha1(url.encode()).hexdigest()).write_bytes(b"broken")
    assert await TokenCounter("gpt-4-turbo").count(messages, ()) == bound
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert await TokenCounter("gpt-4.1-mini").count(messages, ()) == bound
    assert await TokenCounter("no-such-model").count(messages, ()) == bound


def test_an_estimate_leans_to_the_expensive_side() -> None:
    words = "The quick brown fox jumps over the lazy dog. "  # 10 tokens in every GPT encoding
    usage = estimate_usage(ModelRequest(messages=(Message("user", words * 10),)), words * 3)
    assert 100 <= usage.input_tokens <= 200
    assert 30 <= usage.output_tokens <= 60
    assert usage.cost is None
    assert usage.provenance == {"estimated"}


def test_as_many_pieces_as_came_are_at_least_as_many_tokens() -> None:
    request = ModelRequest(messages=(Message("user", "a"),))
    assert estimate_usage(request, "12345", pieces=5).output_tokens == 5
    assert estimate_usage(request, "").output_tokens == 0


def test_tools_and_earlier_calls_are_in_the_estimate() -> None:
    call = Message("assistant", "", (ToolCall("c1", "add", {"text": "b" * 300}),))
    plain = estimate_usage(ModelRequest(messages=(Message("user", ""),)), "").input_tokens
    assert estimate_usage(ModelRequest(messages=(call,)), "").input_tokens >= plain + 100
    with_tool = ModelRequest(messages=(Message("user", ""),), tools=(SPEC,))
    assert estimate_usage(with_tool, "").input_tokens > plain + 20
