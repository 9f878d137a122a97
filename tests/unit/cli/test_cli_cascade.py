"""``--cascade``: larger models that go on where a smaller one's answer will not do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.cli import in_process
from support.fake_openai import FakeOpenAI, FakeRequest, Reply

from lean_agent.cli.chat import reporting
from lean_agent.cli.making import resolve_models
from lean_agent.cli.options import RunOptions

SORRY = Reply(text="I'm sorry, but I can't help with that.")


@pytest.mark.slow
def test_a_larger_model_goes_on(tmp_path: Path) -> None:
    def answer(request: FakeRequest) -> Reply:
        return SORRY if request.body["model"] == "small" else Reply(text="Answer: 42")

    models = ("--model", "openai:small", "--cascade", "openai:large")
    with FakeOpenAI(answer) as server:
        line = ("ask", "Why?", *models, "--base-url", server.url, "--json")
        ended = in_process(*line, folder=tmp_path)
        called = [chat.body["model"] for chat in server.chats]
    assert ended.code == 0, ended.err
    assert (called[0], called[-1]) == ("small", "large")
    assert ended.json["output"].endswith("42")
    assert "going on with openai:large" in ended.json["mode_reason"]


def test_the_address_is_that_of_the_models_own_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789abcdef")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    own = "http://127.0.0.1:9/v1"
    options = RunOptions(model="openai:a", cascade=["openai:b", "deepseek:c"], base_url=own)
    models: list[Any] = resolve_models(options)
    first, second, third = (model.base_url for model in models)
    assert (first, second) == (own, own)
    assert "deepseek" in third


async def test_why_names_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    def way(way: str, model: str, then_model: str = "") -> dict[str, Any]:
        known = {"pass_rate": 0.5, "cost": 1200.0, "tried": 9}
        return {"way": way, "model": model, "then_model": then_model, **known}

    ways = [way("instant>reason", "a:1", "b:2"), way("agent>reason", "a:1"), way("reason", "")]
    last: Any = SimpleNamespace(
        run_id="r", mode="instant", mode_reason="by a:1", decision={"predictions": ways}
    )
    session: Any = SimpleNamespace(last=last, options=RunOptions(model="a:1", cascade=["b:2"]))
    await reporting.why(session, "")
    assert capsys.readouterr().err.splitlines() == [
        "instant mode: by a:1",
        "instant by a:1 > reason by b:2: 50% expected to pass at 1,200 token units (9 tried)",
        "agent by a:1 > reason by a:1: 50% expected to pass at 1,200 token units (9 tried)",
        "reason: 50% expected to pass at 1,200 token units (9 tried)",
        "the cascade: a:1, then b:2",
    ]
