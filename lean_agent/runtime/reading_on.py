"""Long results: shown in parts, with a handle by which the model may read on. Spec: gating."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lean_agent.context import RunContext
from lean_agent.errors import ToolError
from lean_agent.models.tokens import utf8_length
from lean_agent.runtime.compacting import CutNote, cut, cut_note
from lean_agent.tool_spec import ToolSpec

__all__ = ["READ_MORE", "KeptTexts", "ReadMore"]

READ_MORE = "read_more"

_BYTES_PER_TOKEN = 3  # of code and JSON; English has more
_SPEC = ToolSpec(
    name=READ_MORE,
    description="Read on in a result that was cut.",
    parameters={
        "type": "object",
        "properties": {"handle": {"type": "string"}, "offset": {"type": "integer"}},
        "required": ["handle", "offset"],
        "additionalProperties": False,
    },
    max_output_chars=10**9,  # what it gives is cut already
)


class KeptTexts:
    """The long results of one part of a run, whole, in memory: a resumed run has none of them.

    ``count_tokens`` bounds a text's tokens. A part has at most so many characters as the tool that
    gave it may show, and a third of that in tokens: of English text the first is less, of Chinese
    or of numbers the second.
    """

    def __init__(self, count_tokens: Callable[[str], Awaitable[int]]) -> None:
        self._count_tokens = count_tokens
        self._texts: list[tuple[str, int]] = []

    def __bool__(self) -> bool:
        return bool(self._texts)

    async def begin(self, text: str, max_chars: int) -> str:
        """All of it where it is short enough, else its first part."""
        part = await self._cut(text[:max_chars], max_chars)
        if len(part) == len(text):
            return text
        self._texts.append((text, max_chars))
        return part + _note(f"r{len(self._texts)}", text, 0, len(part))

    async def go_on(self, handle: str, offset: int) -> str:
        """The part from a character on.

        Raises:
            ToolError: there is no such text, or no such place in it.
        """
        handles = [f"r{number}" for number in range(1, len(self._texts) + 1)]
        if handle not in handles:
            raise ToolError(f"nothing is kept as {handle!r}; make the call itself again")
        text, max_chars = self._texts[handles.index(handle)]
        if not 0 <= offset < len(text):
            raise ToolError(f"{handle} has {len(text)} characters: offset {offset} is not in it")
        part = await self._cut(text[offset : offset + max_chars], max_chars)
        return part + _note(handle, text, offset, offset + len(part))

    def shorten(self, text: str, max_chars: int) -> str:
        """The first characters of a result that the model has read, and how to read on; as it is
        where that is no shorter (``compacting.Shorten``).

        Of one that was cut before the handle stays, if it is of this part of the run.
        """
        note = CutNote.of(text)
        if note is None:
            if len(text) <= max_chars:
                return text
            handle, start, total = f"r{len(self._texts) + 1}", 0, len(text)
        else:
            handle, start, total = self._handle_of(note), note.start, note.total
            if not handle or len(note.body) <= max_chars:
                return cut(text, max_chars)
        end = start + max_chars
        short = text[:max_chars] + cut_note(start, end, total, _reading_on(handle, end))
        if len(short) >= len(text):
            return text
        if note is None:
            self._texts.append((text, len(text)))
        return short

    def _handle_of(self, note: CutNote) -> str:
        """The handle of the text that a result was cut of; "" where it is not kept, or another."""
        for number, (text, _) in enumerate(self._texts, 1):
            if len(text) == note.total and text.startswith(note.body, note.start):
                return f"r{number}"
        return ""

    async def _cut(self, text: str, max_chars: int) -> str:
        """The longest beginning found that has few enough tokens."""
        most = -(-max_chars // _BYTES_PER_TOKEN)
        while utf8_length(text) > most:  # else it cannot have more
            tokens = await self._tokens(text)
            if tokens <= most or len(text) <= 1:
                break
            text = text[: min(len(text) - 1, max(1, len(text) * most // tokens))]
        return text

    async def _tokens(self, text: str) -> int:
        size = utf8_length(text)
        counted = await self._count_tokens(text)
        # A count of one a byte is the bound for a model whose tokenizer nobody knows.
        return counted if counted < size else -(-size // _BYTES_PER_TOKEN)


def _note(handle: str, text: str, start: int, end: int) -> str:
    if end == len(text):
        return f"\n[the end: characters {start} to {end} of {end}]"
    return cut_note(start, end, len(text), _reading_on(handle, end))


def _reading_on(handle: str, offset: int) -> str:
    return json.dumps({"tool": READ_MORE, "arguments": {"handle": handle, "offset": offset}})


class ReadMore:
    """The tool. It is offered once something was cut, in the note that says so, and so at the end
    of the prompt: what stands before stays the same bytes.
    """

    def __init__(self, texts: KeptTexts) -> None:
        self._texts = texts

    @property
    def spec(self) -> ToolSpec:
        return _SPEC

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        """The next part.

        Raises:
            ToolError: the arguments name no place in a kept text.
        """
        try:
            offset = int(arguments.get("offset", 0))
        except (TypeError, ValueError):
            raise ToolError("offset must be a whole number of characters") from None
        return await self._texts.go_on(str(arguments.get("handle")), offset)
