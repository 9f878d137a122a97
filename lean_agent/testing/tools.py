"""What every tool must keep to, checked from its spec and one call of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from lean_agent.context import RunContext
from lean_agent.errors import InvalidToolCallError, LeanAgentError
from lean_agent.testing.checking import check
from lean_agent.tool_spec import Tool, ToolSpec

__all__ = ["check_tool"]

_MAX_SPEC_CHARS = 700
_MAX_ERROR_CHARS = 500
_MAX_NAME_CHARS = 64


async def check_tool(
    tool: Tool, arguments: Mapping[str, Any], ctx: RunContext | None = None
) -> None:
    """Check ``tool``. ``arguments`` must fit it; whether the call then succeeds is open.

    The tool is called several times. ``ctx`` is what it is called with, an empty one if left out.

    Raises:
        AssertionError: it says which rule the tool breaks.
    """
    ctx = ctx if ctx is not None else RunContext()
    given: Any = tool
    check(isinstance(given, Tool), "it must be a tool: write @tool above a function")
    _check_spec(tool.spec)
    check(tool.spec == tool.spec, "a spec must not change: prompts would miss the server's cache")
    sent = json.loads(json.dumps(arguments))
    await _check_call(tool, sent, ctx)
    check(sent == arguments, "a call must not change its arguments")
    for wrong in (*_unfit(tool.spec, arguments), {"no_such_parameter": 1}):
        await _check_refusal(tool, wrong, ctx)
    await asyncio.gather(*(_check_call(tool, sent, ctx) for _ in range(5)))


def _check_spec(spec: ToolSpec) -> None:
    """A spec that hosted models accept, small enough to be paid for in every prompt."""
    plain = spec.name.replace("_", "").replace("-", "")
    check(
        plain.isascii() and plain.isalnum() and len(spec.name) <= _MAX_NAME_CHARS,
        f"the name {spec.name!r} must be 1 to {_MAX_NAME_CHARS} of a-z, A-Z, 0-9, _ and -",
    )
    check(spec.timeout > 0, "the timeout must be above 0 seconds")
    check(spec.max_output_chars > 0, "max_output_chars must be above 0")
    schema = dict(spec.parameters)
    properties: dict[str, Any] | None = schema.get("properties")
    check(
        schema.get("type") == "object" and properties is not None,
        "the parameters must be a JSON schema of type object, with properties",
    )
    check(
        schema.get("additionalProperties") is False,
        "the parameters must not allow additionalProperties",
    )
    properties = properties or {}
    check(set(schema.get("required", ())) <= set(properties), "only properties are required")
    written = json.dumps(schema)
    check(json.loads(written) == schema, "the parameters must be plain JSON")
    check(
        '"$ref"' not in written and '"$defs"' not in written,
        "the parameters must be one schema, without $ref and $defs",
    )
    check(
        '"title"' not in json.dumps(list(properties.values())),
        "a title in a property is paid for in every prompt and says nothing",
    )
    chars = len(written) + len(spec.description)
    check(
        chars < _MAX_SPEC_CHARS,
        f"description and parameters have {chars} characters; {_MAX_SPEC_CHARS} is the most",
    )


async def _check_call(tool: Tool, arguments: Mapping[str, Any], ctx: RunContext) -> None:
    """Text, or an error that says something; never another type, nothing, or a hang."""
    try:
        async with asyncio.timeout(tool.spec.timeout):
            text: Any = await tool.call(arguments, ctx)
    except TimeoutError:
        raise AssertionError("the call took longer than the spec's timeout") from None
    except (LeanAgentError, ValueError) as error:
        text = str(error)
    check(isinstance(text, str), f"a call must return text, not {type(text).__name__}")
    check(bool(text), "a call, or its error, must say something")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise AssertionError("the text of a call cannot be written as UTF-8") from None


async def _check_refusal(tool: Tool, arguments: Mapping[str, Any], ctx: RunContext) -> None:
    try:
        await tool.call(arguments, ctx)
    except InvalidToolCallError as error:
        short = "\n" not in error.message and len(error.message) < _MAX_ERROR_CHARS
        check(short, f"an error must be one short line, not {error.message!r}")
    except Exception as error:
        raise AssertionError(
            f"{arguments} must raise InvalidToolCallError, not {type(error).__name__}"
        ) from error
    else:
        raise AssertionError(f"{arguments} must raise InvalidToolCallError")


def _unfit(spec: ToolSpec, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = spec.parameters.get("required", ())
    missing = [{k: v for k, v in arguments.items() if k != name} for name in required]
    return missing + [{**arguments, name: {"unfit": []}} for name in required]
