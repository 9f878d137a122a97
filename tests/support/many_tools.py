"""Tools by the hundred, for tests of what a model is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lean_agent import RunContext, Tool, ToolSpec

__all__ = ["PlainTool", "many_tools"]


class PlainTool:
    """Echoes its arguments; made from its spec alone, which is fast."""

    def __init__(self, name: str, description: str, *parameters: str) -> None:
        self.spec = ToolSpec(
            name=name,
            description=description,
            parameters={
                "type": "object",
                "properties": {
                    p: {"type": "string", "description": f"The {p}."} for p in parameters
                },
                "required": list(parameters),
                "additionalProperties": False,
            },
        )

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        del ctx
        return f"{self.spec.name} did {dict(arguments)}"


def many_tools(count: int = 200) -> list[Tool]:
    """Of all kinds, one that converts currencies and one that translates among them."""
    others: list[Tool] = [
        PlainTool(f"update_record_{n}", f"Update the record of kind {n}.", "identifier", "value")
        for n in range(count - 2)
    ]
    place = count // 2
    convert = PlainTool("convertCurrency", "Convert an amount of money.", "amount", "target")
    translate = PlainTool("translate_text", "Translate a text.", "text", "language")
    return [*others[:place], convert, *others[place:], translate]
