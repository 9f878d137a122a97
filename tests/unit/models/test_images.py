"""Pictures: what is taken for one, how they are sent, what they count, and who is sent none."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, get_args

import pytest
from support.fake_openai import FakeOpenAI, Reply
from support.many_tools import many_tools

from lean_agent import Agent, Budget, Image, Ledger, Message, ModelCard
from lean_agent.errors import ConfigurationError
from lean_agent.model import ModelRequest
from lean_agent.models.endpoints import Dialect
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.scripted import ScriptedModel
from lean_agent.models.tokens import estimate_usage
from lean_agent.models.vision import image_tokens

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)
SEEING = ModelCard(action_format="schema", self_hosted=True, image_tokens=1_000)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PIXEL, "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"GIF89arest", "image/gif"),
        (b"RIFF1234WEBPrest", "image/webp"),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(data: bytes, media_type: str) -> None:
    image = Image.of(data)
    assert image.media_type == media_type
    assert base64.b64decode(image.data) == data


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"RIFF1234WAVE", b"<svg>", PIXEL + b"x" * 5_000_000]
)
def test_what_is_none_or_too_large_is_refused(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"a\.png: .*(no picture|too large)"):
        Image.read(file)
    with pytest.raises(ConfigurationError, match="No such file"):
        Image.read(tmp_path / "b.png")


def test_a_message_keeps_its_pictures_in_plain_json() -> None:
    message = Message("user", "Look", images=(Image.of(PIXEL),))
    assert Message.from_dict(message.to_dict()) == message
    assert "images" not in Message("user", "Look").to_dict()


@pytest.mark.parametrize("mode", ["instant", "reason", "agent"])
async def test_they_are_sent_before_the_question_in_every_mode(mode: Any, tmp_path: Path) -> None:
    card = ModelCard(action_format="native", image_tokens=1_000)
    with FakeOpenAI() as server:
        server.say(Reply(text="Answer: a dot"), Reply(text="yes"))
        model = OpenAICompatibleModel("openai:x", base_url=server.url, api_key="k", card=card)
        more: dict[str, Any] = {"ledger": Ledger(tmp_path / "ledger"), "tools": many_tools(1)}
        async with Agent(model=model, **more) as subject:
            result = await subject.run(["What is it?", Image.of(PIXEL)], mode=mode)
            later = await subject.run("Sure?", mode="instant", history=result.context)
        first, second = (request.body["messages"] for request in server.chats)
    assert result.output.endswith("a dot")
    assert later.output == "yes"
    url = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    assert first[1]["content"] == [
        {"type": "text", "text": "The picture:"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    assert "What is it?" in first[2]["content"]
    assert second[: len(first)] == first


@pytest.mark.parametrize("history", [False, True])
async def test_a_model_that_takes_none_is_not_asked(history: bool, tmp_path: Path) -> None:
    model = ScriptedModel(["never"])
    image = Image.of(PIXEL)
    with pytest.raises(ConfigurationError, match="not known to take images") as caught:
        await Agent(model=model, ledger=Ledger(tmp_path)).run(
            "What is it?" if history else ["What is it?", image],
            history=[Message("user", "Look", images=(image,))] if history else (),
        )
    assert "image_tokens" in caught.value.hint
    assert model.requests == []
    assert caught.value.result is None


async def test_none_of_several_models_may_be_blind(tmp_path: Path) -> None:
    models = [
        ScriptedModel(["never"], card=SEEING),
        ScriptedModel(["never"], name="scripted:blind"),
    ]
    with pytest.raises(ConfigurationError, match="scripted:blind"):
        await Agent(model=models, ledger=Ledger(tmp_path)).run(["What?", Image.of(PIXEL)])


async def test_what_is_set_aside_counts_them(tmp_path: Path) -> None:
    image = Image.of(PIXEL)
    subject = Agent(
        model=ScriptedModel(["never"], card=SEEING),
        ledger=Ledger(tmp_path),
        budget=Budget(tokens=900),
    )
    result = await subject.run(["What is it?", image], mode="instant")
    assert (result.exit_status, result.limit) == ("limit_exceeded", "tokens")
    assert result.usage.total_tokens == 0
    plain, shown = (Message("user", "hi"), Message("user", "hi", images=(image, image)))
    card = ModelCard(image_tokens=700)
    for dialect in get_args(Dialect):
        with FakeOpenAI() as server:
            model = OpenAICompatibleModel(
                "openai:x", base_url=server.url, api_key="k", card=card, dialect=dialect
            )
            counts = [await model.count_tokens([one], ()) for one in (plain, shown)]
            await model.aclose()
        assert counts[1] - counts[0] == 1_400
    sizes = [
        estimate_usage(ModelRequest(messages=(one,)), "").input_tokens for one in (plain, shown)
    ]
    assert sizes[1] - sizes[0] == 2_000


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("gpt-4o-mini-2024-07-18", 48_169),
        ("gpt-5-mini", 8_192),
        ("openai/o3", 8_192),
        ("o4-mini", 8_192),
        ("o3-mini", None),
        ("gpt-3.5-turbo", None),
        ("claude-sonnet-4-5", 5_000),
        ("models/gemini-2.5-flash", 8_192),
        ("Qwen/Qwen2.5-VL-7B-Instruct", 16_384),
        ("qwen2.5-coder-1.5b", None),
        ("llava:13b", 16_384),
        ("deepseek-chat", None),
    ],
)
def test_which_models_take_them_is_known_by_name(name: str, takes: int | None) -> None:
    assert image_tokens(name) == takes
