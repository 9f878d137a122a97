"""What every tool must keep to, run over each installed one and over each kind of @tool."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lean_agent import RunContext, Tool, ToolSpec, tool
from lean_agent.errors import InvalidToolCallError, LeanAgentError

_MAX_SPEC_CHARS = 700
_KEYS_OF_ONE_SCHEMA_ONLY = ("$ref", "$defs")


async def check_tool(tool: Tool, arguments: Mapping[str, Any], ctx: RunContext) -> None:
    """The conformance checks. ``arguments`` must fit; whether the call then succeeds is open."""
    check_spec(tool.spec)
    assert tool.spec == tool.spec, "a spec must not change: prompts would miss the cache"
    given = json.loads(json.dumps(arguments))
    await _check_call(tool, given, ctx)
    assert given == arguments, "a call must not change its arguments"
    for wrong in (*_unfit(tool.spec, arguments), {"no_such_parameter": 1}):
        with pytest.raises(InvalidToolCallError) as caught:
            await tool.call(wrong, ctx)
        assert "\n" not in caught.value.message
        assert len(caught.value.message) < 500
    await asyncio.gather(*(_check_call(tool, given, ctx) for _ in range(5)))


def check_spec(spec: ToolSpec) -> None:
    """A spec hosted models accept, small enough to be paid for in every prompt."""
    assert spec.name.replace("_", "").replace("-", "").isalnum()
    assert len(spec.name) <= 64
    assert spec.timeout > 0
    assert spec.max_output_chars > 0
    schema = dict(spec.parameters)
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema.get("required", ())) <= set(schema["properties"])
    written = json.dumps(schema)
    assert not any(f'"{key}"' in written for key in _KEYS_OF_ONE_SCHEMA_ONLY)
    assert '"title"' not in json.dumps(list(schema["properties"].values()))
    assert json.loads(written) == schema
    assert len(written) + len(spec.description) < _MAX_SPEC_CHARS


async def _check_call(tool: Tool, arguments: Mapping[str, Any], ctx: RunContext) -> None:
    """Text, or an error that says something; never another type, nothing, or a hang."""
    try:
        async with asyncio.timeout(tool.spec.timeout):
            text = await tool.call(arguments, ctx)
    except TimeoutError:
        raise AssertionError("the call took longer than the spec's timeout") from None
    except (LeanAgentError, ValueError) as error:
        text = str(error)
    assert isinstance(text, str)
    assert text
    text.encode()


def _unfit(spec: ToolSpec, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = spec.parameters.get("required", ())
    missing = [{k: v for k, v in arguments.items() if k != name} for name in required]
    return missing + [{**arguments, name: {"unfit": []}} for name in required]


@tool
def sync_tool(text: str, ctx: RunContext, times: int = 2) -> str:
    """Repeat.

    Args:
        text: What.
        ctx: The run.
        times: How often.
    """
    return text * times + ctx.run_id


@tool(side_effects=True)
async def async_tool(items: list[int]) -> int:
    """Add up."""
    await asyncio.sleep(0)
    return sum(items)


@tool
def failing_tool(text: str) -> str:
    """Fail."""
    raise ValueError(text)


INSTALLED = {
    "calculator": {"expression": "1 + 1"},
    "list_files": {},
    "python": {"code": "print(1)"},
    "read_file": {"path": "a.txt"},
}


def test_every_installed_tool_is_checked() -> None:
    ours = [e for e in entry_points(group="lean_agent.tools") if "lean_agent_tools" in e.value]
    assert {entry.name for entry in ours} == set(INSTALLED)


@pytest.mark.parametrize("name", INSTALLED)
async def test_installed_tools(name: str, tmp_path: Path) -> None:
    (entry,) = entry_points(group="lean_agent.tools", name=name)
    installed = entry.load()
    assert isinstance(installed, Tool)
    assert installed.spec.name == name
    assert not installed.spec.side_effects
    (tmp_path / "a.txt").write_text("content")
    for roots in ((), (tmp_path,)):
        await check_tool(installed, INSTALLED[name], RunContext(roots=roots))


async def test_installed_tools_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    for entry in entry_points(group="lean_agent.corpus_tools"):
        made = entry.load()(tmp_path)
        assert isinstance(made, Tool)
        await check_tool(made, {"query": "content"}, RunContext())


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (sync_tool, {"text": "a"}),
        (async_tool, {"items": [1, 2]}),
        (failing_tool, {"text": "no"}),
    ],
)
async def test_function_tools(kind: Tool, arguments: dict[str, Any]) -> None:
    await check_tool(kind, arguments, RunContext())


@dataclasses.dataclass
class _Handmade:
    """A tool without @tool, with one fault at a time."""

    spec: ToolSpec
    result: Any = "ok"

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        del ctx
        if list(arguments) != ["x"] or not isinstance(arguments["x"], str):
            raise InvalidToolCallError("x is wanted")
        return self.result


_GOOD = ToolSpec(
    name="handmade",
    description="Fine.",
    parameters={
        "type": "object",
        "properties": {"x": {"type": "string"}},
        "required": ["x"],
        "additionalProperties": False,
    },
)


async def test_the_checks_find_faults() -> None:
    await check_tool(_Handmade(_GOOD), {"x": "1"}, RunContext())
    faulty = [
        _Handmade(dataclasses.replace(_GOOD, name="two words")),
        _Handmade(dataclasses.replace(_GOOD, description="long " * 200)),
        _Handmade(dataclasses.replace(_GOOD, parameters={"type": "object", "properties": {}})),
        _Handmade(dataclasses.replace(_GOOD, timeout=0)),
        _Handmade(_GOOD, result=None),
        _Handmade(_GOOD, result=""),
    ]
    for handmade in faulty:
        with pytest.raises((AssertionError, KeyError)):
            await check_tool(handmade, {"x": "1"}, RunContext())
