"""A tool's schema as every model and engine takes it, made anew from what a server says.

Only keywords that are known here are kept, each looked at; references are put in place. What is
left out (patterns, lengths) is for the server to check, which it does anyway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from lean_agent_tools.mcp.plain import one_line

__all__ = ["parameters_of"]

_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_FORMATS = frozenset({"date", "time", "date-time", "uuid"})
_MAX_CHARS = 20_000
_MAX_PARTS = 1_000
_MAX_DEPTH = 12
_ABOUT_CHARS = 300
_NAME_CHARS = 128


def parameters_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object of arguments.

    Raises:
        ValueError: there can be none, or it is too large to be told.
    """
    made = _Maker(schema).object(schema)
    if len(json.dumps(made)) > _MAX_CHARS:
        raise ValueError(f"its parameters take more than {_MAX_CHARS:,} characters to tell")
    return made


class _Maker:
    """Makes parts of one schema, so many of them and no deeper than is sensible."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._parts = 0

    def object(self, schema: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
        given = _mapping(schema.get("properties"))
        for name in given:
            if len(name) > _NAME_CHARS or not name.isprintable():
                raise ValueError("the name of a parameter is none that can be written")
        properties = {name: self._part(part, depth + 1) for name, part in given.items()}
        made: dict[str, Any] = {"type": "object", "properties": properties}
        required = [name for name in _list(schema.get("required")) if name in properties]
        if required:
            made["required"] = list(dict.fromkeys(required))
        more = schema.get("additionalProperties", False)
        # Said of nothing it means that anything goes, which no server means that has parameters.
        made["additionalProperties"] = self._part(more, depth + 1) if _is_open(more) else False
        return made

    def _part(self, schema: object, depth: int) -> dict[str, Any]:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise ValueError(f"its parameters have more than {_MAX_PARTS:,} parts")
        part = _mapping(schema)
        if depth > _MAX_DEPTH or not part:
            return {}
        if isinstance(target := part.get("$ref"), str):
            found = self._part(self._target(target), depth + 1)
            return {**found, **_about(part)}
        return {**_about(part), **self._kind(part, depth)}

    def _kind(self, part: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """What a value may be."""
        if "const" in part:
            return {"const": part["const"]} if _is_plain(part["const"]) else {}
        if values := [value for value in _list(part.get("enum")) if _is_plain(value)]:
            kind = part.get("type")
            return {"type": kind, "enum": values} if _is_type(kind) else {"enum": values}
        for word in ("anyOf", "oneOf"):
            if branches := _list(part.get(word)):
                return {"anyOf": [self._part(branch, depth + 1) for branch in branches]}
        if len(every := _list(part.get("allOf"))) == 1:
            return self._part(every[0], depth + 1)
        kinds = _list(part.get("type"))
        if kinds:
            named = [self._part({**part, "type": kind}, depth + 1) for kind in kinds]
            return {
                "anyOf": [{k: v for k, v in one.items() if k != "description"} for one in named]
            }
        return self._typed(part, depth)

    def _typed(self, part: Mapping[str, Any], depth: int) -> dict[str, Any]:
        kind = part.get("type", "object" if "properties" in part else None)
        if not _is_type(kind):
            return {}
        if kind == "object":
            # Of an object that names no properties any will do.
            return self.object(part, depth) if part.get("properties") else {"type": "object"}
        made: dict[str, Any] = {"type": kind}
        if kind == "array" and "items" in part:
            made["items"] = self._part(part["items"], depth + 1)
        if kind in {"integer", "number"}:
            for word in ("minimum", "maximum"):
                if isinstance(part.get(word), (int, float)):
                    made[word] = part[word]
        if kind == "string" and part.get("format") in _FORMATS:
            made["format"] = part["format"]
        return made

    def _target(self, reference: str) -> object:
        """What a reference within the schema names; nothing is fetched."""
        found: object = self._root
        head, *names = reference.split("/")
        if head != "#":
            return None
        for name in names:
            found = _mapping(found).get(name.replace("~1", "/").replace("~0", "~"))
        return found


def _about(part: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if isinstance(text := part.get("description"), str) and (line := one_line(text, _ABOUT_CHARS)):
        made["description"] = line
    if "default" in part and _is_plain(part["default"]):
        made["default"] = part["default"]
    return made


def _is_open(more: object) -> bool:
    return more is True or (isinstance(more, dict) and more != {"not": {}})


def _is_type(kind: object) -> bool:
    return isinstance(kind, str) and kind in _TYPES


def _is_plain(value: object) -> bool:
    """A value that can stand in a prompt: none with parts of its own, no text that hides some."""
    if isinstance(value, str):
        return len(value) <= _NAME_CHARS and value.isprintable()
    return value is None or isinstance(value, (bool, int, float))


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
