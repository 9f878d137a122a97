"""What is made of a server's names and schemas, and which servers there can be."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lean_agent import ConfigurationError
from lean_agent._redact import redact
from lean_agent.models.actions import action_schema
from lean_agent.tool_spec import ToolSpec
from lean_agent_tools.mcp import MCPServer
from lean_agent_tools.mcp.schema import parameters_of
from lean_agent_tools.mcp.tool import tool_name


def test_names_are_such_as_every_provider_takes_and_stay_the_same() -> None:
    assert tool_name("github", "create-issue") == "github__create-issue"
    changed = [tool_name("s", name) for name in ("a b", "a/b", "a.b", "", "y" * 90, "y" * 91, "ü")]
    assert len(set(changed)) == len(changed)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name) for name in changed)
    assert tool_name("s", "a b") == "s__a_b_c8687a08"


PARTS: list[tuple[Any, dict[str, Any]]] = [
    ({"type": "string", "pattern": "(a+)+$", "maxLength": 9, "title": "T"}, {"type": "string"}),
    ({"type": "integer", "minimum": 1, "maximum": "x"}, {"type": "integer", "minimum": 1}),
    (
        {"type": ["string", "null"], "description": "a\n b"},
        {"description": "a b", "anyOf": [{"type": "string"}, {"type": "null"}]},
    ),
    ({"type": "string", "enum": ["a", "b", {}]}, {"type": "string", "enum": ["a", "b"]}),
    ({"$ref": "#/$defs/Point"}, {"type": "array", "items": {"type": "number"}}),
    ({"$ref": "https://example.com/schema.json"}, {}),
    ({"oneOf": [{"type": "string"}, True]}, {"anyOf": [{"type": "string"}, {}]}),
    ({"allOf": [{"type": "boolean"}]}, {"type": "boolean"}),
    ({"type": "object", "additionalProperties": True}, {"type": "object"}),
    ({"type": "nonsense"}, {}),
    ("nonsense", {}),
    ({"type": "string", "default": "\x1b"}, {"type": "string"}),
]


@pytest.mark.parametrize(("part", "made"), PARTS)
def test_a_part_of_a_schema_is_made_plain(part: Any, made: dict[str, Any]) -> None:
    point = {"type": "array", "items": {"type": "number"}}
    schema = parameters_of(
        {"properties": {"x": part}, "required": ["x", "y"], "$defs": {"Point": point}}
    )
    assert schema == {
        "type": "object",
        "properties": {"x": made},
        "required": ["x"],
        "additionalProperties": False,
    }
    action_schema([ToolSpec(name="t", description="", parameters=schema)])  # the core can read it


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    tree = {"type": "array", "items": {"$ref": "#"}, "properties": {"a": {"$ref": "#"}}}
    assert parameters_of(tree)["properties"]["a"]["type"] == "array"
    wide = {"properties": {str(n): {"$ref": "#"} for n in range(30)}}
    with pytest.raises(ValueError, match="parts"):
        parameters_of(wide)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "a__b", "command": "x"}, "cannot be the name"),
        ({"name": "a" * 30, "command": "x"}, "cannot be the name"),
        ({"name": "a"}, "a command or a url"),
        ({"name": "a", "command": "x", "url": "https://h"}, "a command or a url"),
        ({"name": "a", "url": "ftp://h"}, "must begin with https://"),
        ({"name": "a", "url": "https://h", "env": {"A": "b"}}, "are for a command"),
        ({"name": "a", "command": "x", "headers": {"A": "b"}}, "are for a url"),
        ({"name": "a", "command": "x", "seconds": 0}, "seconds must be above 0"),
    ],
)
def test_what_makes_no_server_is_said(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        MCPServer(**given)


def test_a_text_is_an_address_or_a_command_line() -> None:
    assert MCPServer.of("uvx 'my server' --flag").args == ["my server", "--flag"]
    assert MCPServer.of("/usr/bin/notes-server.py").name == "notes_server"
    assert MCPServer.of("https://mcp.example.com/v1").name == "mcp_example_com"
    with pytest.raises(ConfigurationError, match="no command line"):
        MCPServer.of("it's")


def test_variables_are_filled_in_and_kept_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCS_TOKEN", "plain-words-only")
    server = MCPServer(name="a", url="https://h", headers={"Authorization": "Bearer ${DOCS_TOKEN}"})
    assert server.filled().headers == {"Authorization": "Bearer plain-words-only"}
    assert "plain-words-only" not in f"{server!r} {server.filled()!r}"
    assert redact("it said plain-words-only") == "it said [redacted]"
    program = MCPServer(name="a", command="x", env={"LEVEL": "production", "A": "${NO_SUCH}"})
    with pytest.raises(ConfigurationError, match="NO_SUCH, which is not set"):
        program.filled()
    assert redact("in production") == "in production"
