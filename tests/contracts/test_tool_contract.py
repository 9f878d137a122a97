"""What every tool must keep to, run over each installed one and over each kind of @tool."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lean_agent import RunContext, Tool, ToolSpec, tool
from lean_agent.errors import InvalidToolCallError
from lean_agent.testing import check_tool


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


async def check(subject: Tool, arguments: Mapping[str, Any], ctx: RunContext) -> None:
    Draft202012Validator.check_schema(dict(subject.spec.parameters))
    await check_tool(subject, arguments, ctx)


INSTALLED = {
    "calculator": {"expression": "1 + 1"},
    "list_files": {},
    "python": {"code": "print(1)"},
    "read_file": {"path": "a.txt"},
}


OPTIONAL = {
    "edit_file": {"path": "a.txt", "old": "content", "new": "content"},
    "http_get": {"url": "http://127.0.0.1/"},
    "pdf_text": {"path": "a.pdf"},
    "read_table": {"path": "a.csv"},
    "shell": {"command": "true"},
    "sql": {"files": ["a.csv"]},
    "web_search": {"query": "gallium"},
    "write_file": {"path": "b.txt", "content": "x"},
}
ASK = {"edit_file", "http_get", "shell", "web_search", "write_file"}


def test_every_installed_tool_is_checked() -> None:
    for group, known in (("tools", INSTALLED), ("optional_tools", OPTIONAL)):
        entries = entry_points(group=f"lean_agent.{group}")
        ours = {entry.name for entry in entries if "lean_agent_tools" in entry.value}
        assert ours == set(known)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONAL)
async def test_optional_tools(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SEARXNG_URL", "BRAVE_API_KEY"):  # so nobody is asked
        monkeypatch.delenv(variable, raising=False)
    (entry,) = entry_points(group="lean_agent.optional_tools", name=name)
    installed = entry.load()
    assert isinstance(installed, Tool)
    assert installed.spec.name == name
    assert installed.spec.needs_approval == (name in ASK)
    (tmp_path / "a.txt").write_text("content")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    await check(installed, OPTIONAL[name], RunContext(roots=(tmp_path,)))


@pytest.mark.parametrize("name", INSTALLED)
async def test_installed_tools(name: str, tmp_path: Path) -> None:
    (entry,) = entry_points(group="lean_agent.tools", name=name)
    installed = entry.load()
    assert isinstance(installed, Tool)
    assert installed.spec.name == name
    assert not installed.spec.side_effects
    (tmp_path / "a.txt").write_text("content")
    for roots in ((), (tmp_path,)):
        await check(installed, INSTALLED[name], RunContext(roots=roots))


@pytest.mark.slow
async def test_installed_tools_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    for entry in entry_points(group="lean_agent.corpus_tools"):
        made = entry.load()(tmp_path)
        assert isinstance(made, Tool)
        await check(made, {"query": "content"}, RunContext())


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (sync_tool, {"text": "a"}),
        (async_tool, {"items": [1, 2]}),
        (failing_tool, {"text": "no"}),
    ],
)
async def test_function_tools(kind: Tool, arguments: dict[str, Any]) -> None:
    await check(kind, arguments, RunContext())


@dataclasses.dataclass
class _Handmade:
    """A tool without @tool, with one fault at a time."""

    spec: ToolSpec
    result: Any = "ok"
    accepts_anything: bool = False
    refusal: Exception = dataclasses.field(default_factory=lambda: InvalidToolCallError("no x"))
    changes_arguments: bool = False

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        del ctx
        fits = list(arguments) == ["x"] and isinstance(arguments["x"], str)
        if not fits and not self.accepts_anything:
            raise self.refusal
        if self.changes_arguments and isinstance(arguments, dict):
            arguments["x"] = ""
        if self.result == "hang":
            await asyncio.sleep(5)
        return self.result


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"x": {"type": "string"}},
    "required": ["x"],
    "additionalProperties": False,
}
_GOOD = ToolSpec(name="handmade", description="Fine.", parameters=_SCHEMA)


def _spec(**changes: Any) -> _Handmade:
    return _Handmade(dataclasses.replace(_GOOD, **changes))


def _schema(**changes: Any) -> _Handmade:
    return _spec(parameters={**_SCHEMA, **changes})


FAULTY: list[tuple[_Handmade, str]] = [
    (_spec(name="two words"), "the name 'two words'"),
    (_spec(name="x" * 65), "the name"),
    (_spec(description="long " * 200), "characters; 700 is the most"),
    (_spec(timeout=0), "timeout"),
    (_spec(max_output_chars=0), "max_output_chars"),
    (_spec(parameters={"type": "object"}), "with properties"),
    (_schema(additionalProperties=True), "additionalProperties"),
    (_schema(required=["y"]), "only properties are required"),
    (_schema(properties={"x": {"$ref": "#/$defs/X"}}), "one schema"),
    (_schema(properties={"x": {"type": "string", "title": "X"}}), "a title"),
    (_schema(required=("x",)), "plain JSON"),
    (_Handmade(_GOOD, result=None), "must return text, not NoneType"),
    (_Handmade(_GOOD, result=""), "must say something"),
    (_Handmade(_GOOD, result="\ud800"), "UTF-8"),
    (_Handmade(dataclasses.replace(_GOOD, timeout=0.05), result="hang"), "longer than the spec's"),
    (_Handmade(_GOOD, accepts_anything=True), "must raise InvalidToolCallError"),
    (_Handmade(_GOOD, refusal=KeyError("x")), "InvalidToolCallError, not KeyError"),
    (_Handmade(_GOOD, refusal=InvalidToolCallError("two\nlines")), "one short line"),
    (_Handmade(_GOOD, changes_arguments=True), "must not change its arguments"),
]


async def test_a_handmade_tool_passes() -> None:
    await check_tool(_Handmade(_GOOD), {"x": "1"})


@pytest.mark.parametrize(("handmade", "rule"), FAULTY, ids=[rule for _, rule in FAULTY])
async def test_a_fault_is_found_and_named(handmade: Tool, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        await check_tool(handmade, {"x": "1"})
