from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.messages import Message, ToolCall
from lean_agent.model import (
    Completed,
    Model,
    ModelCard,
    ModelRequest,
    ModelResponse,
    RunProgress,
    TextDelta,
)
from lean_agent.models.replay import RecordingModel, ReplayModel, request_key
from lean_agent.models.scripted import ScriptedModel
from lean_agent.tool_spec import ToolSpec

SPEC = ToolSpec(name="add", description="Adds.", parameters={"type": "object"})
ASK = ModelRequest(messages=(Message("user", "2+2?"),), tools=(SPEC,), temperature=0.0)
CALL = Message("assistant", "", (ToolCall("c1", "add", {"a": 1}),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recordings" / "test.jsonl"


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def record(path: Path, *responses: str | Message) -> list[ModelResponse]:
    card = ModelCard(context_tokens=512, grammar=True)
    model = RecordingModel(ScriptedModel(responses, name="local:tiny", card=card), path)
    return [await model.generate(ASK) for _ in responses]


async def test_what_was_recorded_is_replayed_to_the_last_field(path: Path) -> None:
    recorded = await record(path, CALL)
    model = ReplayModel(path)
    assert isinstance(model, Model)
    assert await model.generate(ASK) == recorded[0]
    assert model.name == "local:tiny"
    assert model.card == ModelCard(context_tokens=512, grammar=True)


async def test_timeout_slot_and_run_do_not_make_another_request(path: Path) -> None:
    recorded = await record(path, "four")
    run = RunProgress(run_id="r1", retrievals=3, began=1.5)
    again = replace(ASK, timeout=3, slot=1, run=run)
    assert await ReplayModel(path).generate(again) == recorded[0]


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (Message("user", "2+3?"),)},
        {"tools": ()},
        {"tools": (replace(SPEC, description="Adds numbers."),)},
        {"temperature": 0.1},
        {"seed": 1},
        {"stop": ("x",)},
        {"max_output_tokens": 9},
        {"response_schema": {"type": "object"}},
        {"grammar": "root"},
        {"not_beginning": "{"},
        {"tool_choice": "required"},
    ],
)
async def test_anything_else_does(path: Path, change: Mapping[str, Any]) -> None:
    await record(path, "four")
    with pytest.raises(ModelError, match="no answer to this request") as caught:
        await ReplayModel(path).generate(replace(ASK, **change))
    assert "record anew" in caught.value.hint


async def test_the_order_of_keys_in_a_schema_does_not_matter() -> None:
    first = replace(ASK, response_schema={"type": "object", "title": "t"})
    second = replace(ASK, response_schema={"title": "t", "type": "object"})
    assert request_key("a:b", first) == request_key("a:b", second)
    assert request_key("a:b", first) != request_key("a:c", first)


async def test_the_same_request_again_gets_the_next_answer_and_then_the_last(path: Path) -> None:
    await record(path, "first", "second")
    model = ReplayModel(path)
    texts = [(await model.generate(ASK)).message.content for _ in range(4)]
    assert texts == ["first", "second", "second", "second"]


async def test_a_stream_is_recorded_for_both_ways_of_asking(path: Path) -> None:
    text = "An answer in several pieces."
    recording = RecordingModel(ScriptedModel([text], name="local:tiny"), path)
    async for _event in recording.stream(ASK):
        pass
    model = ReplayModel(path)
    assert (await model.generate(ASK)).message.content == text
    events = [event async for event in model.stream(ASK)]
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == text
    assert isinstance(events[-1], Completed)


async def test_abandoned_streams_and_errors_are_not_recorded(path: Path) -> None:
    model = RecordingModel(ScriptedModel(["a long enough answer", ModelError("no")]), path)
    stream = model.stream(ASK)
    assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()
    with pytest.raises(ModelError):
        await model.generate(ASK)
    assert len(lines(path)) == 1


async def test_counts_are_replayed_and_bounded_where_unknown(path: Path) -> None:
    recording = RecordingModel(ScriptedModel([], name="local:tiny"), path)
    count = await recording.count_tokens(ASK.messages, ())
    model = ReplayModel(path)
    assert await model.count_tokens(ASK.messages, ()) == count == 1
    assert await model.count_tokens(ASK.messages, (SPEC,)) > 4


async def test_secrets_stay_out_and_the_rest_of_the_run_still_replays(path: Path) -> None:
    secret = "sk-proj-AbCd1234EfGh5678"
    call = ToolCall("c1", "add", {"key": secret, "note": 'it\'s "quoted"'})
    leaky = Message("assistant", f"the key is {secret}", (call,))
    scripted = ScriptedModel([leaky, "thanks"], name="local:tiny")
    recording = RecordingModel(scripted, path)
    first = replace(ASK, messages=(Message("user", f"use {secret}"),))
    answer = await recording.generate(first)
    await recording.generate(replace(first, messages=(*first.messages, answer.message)))
    assert not any(secret in line for line in lines(path))
    model = ReplayModel(path)
    replayed = await model.generate(first)
    assert replayed.message.tool_calls[0].arguments["note"] == 'it\'s "quoted"'
    second = await model.generate(replace(first, messages=(*first.messages, replayed.message)))
    assert second.message.content == "thanks"


async def test_a_recording_goes_on_in_its_file_and_in_no_other_models(path: Path) -> None:
    await record(path, "first")
    await record(path, "second")
    model = ReplayModel(path)
    assert [(await model.generate(ASK)).message.content for _ in range(2)] == ["first", "second"]
    with pytest.raises(ConfigurationError, match="recording of local:tiny"):
        RecordingModel(ScriptedModel([], name="local:other"), path)


@pytest.mark.parametrize("content", ["", "{", json.dumps({"lean_agent_recording": 99})])
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"x\.jsonl"):
        ReplayModel(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no recording at"):
        ReplayModel(tmp_path / "none.jsonl")
