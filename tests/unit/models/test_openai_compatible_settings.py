"""Which key goes to which address, and what is said when one of them is missing."""

from __future__ import annotations

from typing import Any

import pytest
from support.fake_openai import FakeOpenAI

from lean_agent.errors import ConfigurationError
from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.models.openai_compatible import OpenAICompatibleModel

ASK = ModelRequest(messages=(Message("user", "2+2?"),))


async def test_the_key_is_the_providers_own(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-deepseek")
    for name in ("openai:a", "deepseek:a", "mine:a"):
        model = OpenAICompatibleModel(name, base_url=server.url)
        await model.generate(ASK)
        await model.aclose()
    sent = [
        (r.headers["authorization"], r.headers.get("openai-organization")) for r in server.chats
    ]
    assert sent == [
        ("Bearer sk-openai", "org-1"),
        ("Bearer sk-deepseek", None),
        ("Bearer no-key", None),
    ]


async def test_openai_base_url_is_for_openai_only(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")
    model = OpenAICompatibleModel("openai:test")
    assert (await model.generate(ASK)).message.content == "ok"
    assert model.base_url == server.url
    await model.aclose()
    assert OpenAICompatibleModel("groq:a", api_key="k").base_url.startswith("https://api.groq.com")


async def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    model = OpenAICompatibleModel("openai:test", base_url=server.url)
    assert (await model.generate(ASK)).message.content == "ok"
    await model.aclose()


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ({"name": "openai:gpt-4o"}, "no key", "OPENAI_API_KEY"),
        ({"name": "groq:llama"}, "no key", "GROQ_API_KEY"),
        ({"name": "gpt-4o"}, "no model name", "provider:model"),
        ({"name": "mine:a"}, "no address", "base_url"),
        ({"name": "mine:a", "base_url": "localhost:8000"}, "not an address", "http://"),
        ({"name": "mine:a", "base_url": "http://host:port/v1"}, "not an address", "http://"),
    ],
)
def test_what_is_missing_is_named(arguments: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        OpenAICompatibleModel(**arguments)
    assert hint in caught.value.hint


def test_a_password_in_what_is_no_address_is_not_told() -> None:
    with pytest.raises(ConfigurationError, match="not an address") as refused:
        OpenAICompatibleModel("mine:m", base_url="htp://me:hunter22@host/v1")
    assert "hunter22" not in refused.value.message
