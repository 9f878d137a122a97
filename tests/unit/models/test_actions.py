from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.errors import InvalidToolCallError
from lean_agent.messages import Message, ToolCall
from lean_agent.model import ActionFormat, FinishReason, ModelResponse
from lean_agent.models.actions import (
    Action,
    action_schema,
    instructions,
    observations,
    parse_action,
    unfinished_call,
)
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage


def spec(name: str, **properties: str) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=f"Does {name}.",
        parameters={
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in properties.items()},
            "required": list(properties),
            "additionalProperties": False,
        },
    )


TOOLS = (
    spec("search", query="string"),
    spec("calculator", expression="string"),
    spec("read_file", path="string", line="integer"),
)


def said(text: str, **more: object) -> ModelResponse:
    return ModelResponse(
        message=Message("assistant", text),
        usage=Usage(),
        finish_reason="stop",
        model="scripted:x",
        **more,  # pyright: ignore[reportArgumentType]
    )


def parsed(text: str, action_format: ActionFormat = "schema") -> Action:
    return parse_action(said(text), action_format, TOOLS)


GOOD = {"query": "gallium"}


@pytest.mark.parametrize(
    "text",
    [
        '{"tool":"search","arguments":{"query":"gallium"}}',
        '```json\n{"tool": "search", "arguments": {"query": "gallium"}}\n```',
        '```\n{"name": "search", "arguments": {"query": "gallium",}}\n```',
        "{'tool': 'search', 'arguments': {'query': 'gallium'}}",
        '{"tool":"search","arguments":"{\\"query\\": \\"gallium\\"}"}',
        '{"tool":"search","arguments":"gallium"}',
        '{"tool":"search","query":"gallium"}',
        '{"search": {"query": "gallium"}}',
        '{"function": {"name": "search", "arguments": {"query": "gallium"}}}',
        '{"action": "search", "action_input": {"query": "gallium"}}',
        'I will look it up.\n{"tool": "search", "arguments": {"query": "gallium"}}',
        '<tool>{"name": "search", "arguments": {"query": "gallium"}}</tool>',
        '<tool_call>{"name": "search", "arguments": {"query": "gallium"}}',
        '[{"tool": "search", "arguments": {"query": "gallium"}}]',
    ],
)
@pytest.mark.parametrize("action_format", ["native", "schema", "tagged"])
def test_reads_what_models_write(text: str, action_format: ActionFormat) -> None:
    action = parsed(text, action_format)
    assert [(c.name, c.arguments) for c in action.calls] == [("search", GOOD)]
    assert action.answer is None
    assert action.message.content == text, "history keeps the model's own bytes"


def test_several_tagged_calls_keep_their_order() -> None:
    action = parsed(
        '<tool>{"name":"search","arguments":{"query":"a"}}</tool> and '
        '<tool>{"name":"calculator","arguments":{"expression":"1+1"}}</tool>',
        "tagged",
    )
    assert [c.name for c in action.calls] == ["search", "calculator"]
    assert len({c.id for c in action.calls}) == 2


def test_answer_action_has_no_calls_and_no_text() -> None:
    action = parsed('{"tool":"answer"}')
    assert (action.calls, action.answer) == ((), None)


def test_plain_text_is_the_answer_but_not_in_the_schema_format() -> None:
    assert parsed("  Canberra. ", "native").answer == "Canberra."
    assert parsed("Canberra.", "tagged").answer == "Canberra."
    with pytest.raises(InvalidToolCallError, match="one JSON object"):
        parsed("Canberra.")


def test_json_in_an_answer_is_not_a_call() -> None:
    text = '```json\n{"name": "Canberra", "arguments": {}}\n```'
    assert parsed(text, "native").answer == text


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('<tool>{"name": "browse", "arguments": {}}</tool>', "no tool called 'browse'.*search"),
        ('{"tool":"read_file","arguments":[1,2]}', "arguments of read_file must be a JSON object"),
        ("", "one JSON object"),
        ("{{{{", "one JSON object"),
    ],
)
def test_malformed_actions_say_what_to_mend(text: str, match: str) -> None:
    with pytest.raises(InvalidToolCallError, match=match):
        parsed(text)


@pytest.mark.parametrize("reason", ["length", "aborted"])
def test_cut_off_action_is_not_repaired_into_another_one(reason: str) -> None:
    response = ModelResponse(
        message=Message("assistant", '{"tool":"search","arguments":{"query":"half a que'),
        usage=Usage(),
        finish_reason=reason,  # pyright: ignore[reportArgumentType]
        model="scripted:x",
    )
    with pytest.raises(InvalidToolCallError, match="cut off"):
        parse_action(response, "schema", TOOLS)


def test_native_calls_keep_their_ids_and_malformed_ones_are_repaired() -> None:
    message = Message("assistant", "", (ToolCall("call_1", "search", GOOD),))
    response = ModelResponse(
        message=message,
        usage=Usage(),
        finish_reason="tool_calls",
        model="scripted:x",
        malformed_tool_calls=(("calculator", "{'expression': '1+1',}"),),
    )
    action = parse_action(response, "native", TOOLS)
    assert [c.name for c in action.calls] == ["search", "calculator"]
    assert action.calls[0].id == "call_1"
    assert action.calls[1].arguments == {"expression": "1+1"}
    assert action.message.tool_calls == action.calls, "every tool message finds its call"


def test_native_call_of_an_unknown_tool_is_refused() -> None:
    message = Message("assistant", "", (ToolCall("call_1", "browse", {}),))
    response = ModelResponse(
        message=message, usage=Usage(), finish_reason="tool_calls", model="scripted:x"
    )
    with pytest.raises(InvalidToolCallError, match="no tool called 'browse'"):
        parse_action(response, "native", TOOLS)


def test_schema_accepts_each_action_and_nothing_else() -> None:
    schema = action_schema(TOOLS)
    jsonschema.validate({"tool": "search", "arguments": {"query": "a"}}, schema)
    jsonschema.validate({"tool": "answer"}, schema)
    wrongs: list[dict[str, object]] = [
        {"tool": "search"},
        {"tool": "browse", "arguments": {}},
        {"tool": "search", "arguments": {"query": "a", "k": 1}},
        {"tool": "search", "arguments": {"query": "a" * 1_001}},
    ]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_schema_bounds_every_string_however_deep() -> None:
    deep = ToolSpec(
        name="deep",
        description="",
        parameters={
            "type": "object",
            "properties": {
                "rows": {"type": "array", "items": {"type": "string"}},
                "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "choice": {"type": "string", "enum": ["a", "b"]},
            },
            "required": ["rows"],
        },
    )
    text = json.dumps(action_schema([deep]))
    assert text.count("maxLength") == 2


def test_instructions_are_the_same_bytes_and_name_every_tool() -> None:
    for action_format in ("schema", "tagged"):
        text = instructions(action_format, TOOLS)
        assert text == instructions(action_format, TOOLS)
        assert all(f'"{tool.name}","arguments":' in text for tool in TOOLS)
    assert instructions("native", TOOLS) == ""


def test_observations_follow_the_format() -> None:
    call = ToolCall("call_1", "search", GOOD)
    (native,) = observations("native", [(call, "found")])
    assert (native.role, native.tool_call_id, native.content) == ("tool", "call_1", "found")
    (text,) = observations("schema", [(call, "found")])
    assert (text.role, text.content) == ("user", "Result of search:\nfound")
    (both,) = observations("tagged", [(call, "one"), (call, "two")])
    assert both.content.index("one") < both.content.index("two")


@given(st.text(max_size=300))
def test_any_text_is_an_action_or_a_typed_error(text: str) -> None:
    for action_format in ("native", "schema", "tagged"):
        try:
            action = parsed(text, action_format)
        except InvalidToolCallError:
            continue
        assert isinstance(action, Action)


@pytest.mark.parametrize(
    ("text", "arguments", "finished"),
    [
        ('{"tool":"search","arguments":{"query":"gal', {"query": "gal"}, False),
        ('{"tool":"search","arguments":{"query":"gallium"', {"query": "gallium"}, True),
        ('{"tool":"search","arguments":{"query":"gallium"}}', {"query": "gallium"}, True),
        ('{"tool":"read_file","arguments":{"path":"a.txt","line":1', {"path": "a.txt"}, True),
    ],
)
@pytest.mark.parametrize("action_format", ["schema", "tagged", "native"])
def test_a_call_is_read_while_it_is_written(
    text: str, arguments: dict[str, object], finished: bool, action_format: ActionFormat
) -> None:
    written = f"I look. <tool>{text}" if action_format == "tagged" else text
    call = unfinished_call(written, action_format, TOOLS)
    assert call is not None
    assert arguments.items() <= call.arguments.items()
    assert call.finished is finished


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"tool":"sea', '{"tool":"answer"}', "plain text", "[1]", '{"tool":"other"}', "{]"],
)
@pytest.mark.parametrize("action_format", ["schema", "tagged", "native"])
def test_what_is_no_call_yet_is_none(text: str, action_format: ActionFormat) -> None:
    assert unfinished_call(text, action_format, TOOLS) is None
    assert unfinished_call(f"<tool>{text}", action_format, TOOLS) is None


@pytest.mark.parametrize("reason", ["length", "aborted"])
def test_a_call_that_was_cut_off_is_not_repaired_into_another(reason: FinishReason) -> None:
    half = '{"path": "a.txt", "content": "the first half of'
    cut = [
        replace(said(""), malformed_tool_calls=(("write_file", half),)),
        said(f'<tool>{{"name": "write_file", "arguments": {half}'),
    ]
    for response in cut:
        with pytest.raises(InvalidToolCallError, match="cut off"):
            parse_action(replace(response, finish_reason=reason), "native", ())
