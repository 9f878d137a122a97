"""When two tool calls are the same call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from lean_agent.tool_spec import ToolSpec

__all__ = ["call_key", "folded", "loose_key"]


def call_key(spec: ToolSpec, arguments: Mapping[str, Any]) -> str:
    """Equal for calls that must have the same result in the same world.

    The order of keys, a default written out, 3.0 for 3 where the schema asks for a number, and case
    and blanks in a parameter of ``spec.word_parameters`` make no other call. Anything else does.
    """
    properties = cast("Mapping[str, Mapping[str, Any]]", spec.parameters.get("properties", {}))
    given: dict[str, Any] = {}
    for name, value in arguments.items():
        schema = properties.get(name, {})
        if isinstance(value, float) and value.is_integer() and _is_number(schema):
            value = int(value)
        elif isinstance(value, str) and name in spec.word_parameters:
            value = folded(value)
        if "default" in schema and _same(value, schema["default"]):
            continue
        given[name] = value
    return _json(spec.name, given)


def loose_key(spec: ToolSpec, arguments: Mapping[str, Any]) -> str:
    """Like ``call_key``, but case and blanks make no other call in any text, nor does the order of
    the words in a parameter of ``spec.word_parameters``.

    Too loose to serve by; two such calls with the same result are one all the same.
    """
    loose: dict[str, Any] = {}
    for name, value in arguments.items():
        text = folded(value) if isinstance(value, str) else value
        in_any_order = isinstance(text, str) and name in spec.word_parameters
        loose[name] = " ".join(sorted(text.split())) if in_any_order else text
    return call_key(spec, loose)


def _is_number(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") in {"integer", "number"}


def _same(value: object, default: object) -> bool:
    return type(value) is type(default) and value == default  # True == 1 are two defaults


def folded(text: str) -> str:
    """Without its case and its runs of blanks."""
    return " ".join(text.casefold().split())


def _json(name: str, arguments: Mapping[str, Any]) -> str:
    return name + json.dumps(arguments, sort_keys=True, separators=(",", ":"), default=str)
