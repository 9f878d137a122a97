"""Which of an agent's many tools the words of a task ask for. Spec: gating ("Tool-call gate").

By words alone (BM25 over names, descriptions and parameter names), so that choosing costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from lean_agent.gating.words import PATTERNS
from lean_agent.model import ActionFormat
from lean_agent.models.actions import action_schema, told
from lean_agent.models.tokens import schema_bound, utf8_length
from lean_agent.models.wire import tool_to_wire
from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.words import words
from lean_agent.tool_spec import ToolSpec

__all__ = ["FIND_TOOLS", "Catalogue"]

FIND_TOOLS = ToolSpec(
    name="find_tools",
    description="Find more tools, by what they are to do.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
        "additionalProperties": False,
    },
    max_output_chars=10**9,  # what it gives is bounded in tokens
    word_parameters=frozenset({"query"}),
)

_FOUND_TOKENS = 500
_BYTES_PER_TOKEN = 3  # of JSON; English has more
_STEM = 5
_LONG = 10_000  # characters: what is asked stands at the beginning or the end of a long task
_NAME_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_NAME = re.compile(r"[A-Za-z_][\w-]*")

_ASKED = {
    "arithmetic": "calculate arithmetic expression",
    "url": "fetch web page url",
    "files": "read list file",
    "code": "run code",
}
"""What a task that fits a pattern may ask for without saying so."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """How one action format tells of the tools: in how many tokens each, and which of them, or the
    finder, begins with a line.
    """

    tokens: tuple[int, ...]
    by_line: Mapping[str, ToolSpec]


class Catalogue:
    """An agent's tools, of which so many ``tokens`` are told to begin with.

    A token is taken for 3 bytes of what is sent. ``schema_is_read`` says that a server may show
    the model the schema that constrains its output, and bill it. Safe to use from several threads.
    """

    def __init__(self, specs: Iterable[ToolSpec], *, tokens: int, schema_is_read: bool) -> None:
        self.specs: tuple[ToolSpec, ...] = tuple(specs)
        self._tokens = tokens
        self._schema_is_read = schema_is_read
        self._shown: dict[ActionFormat, _Shown] = {}

    def fits(self, action_format: ActionFormat) -> bool:
        """Whether all tools are told. So they are where a caller's tool has the finder's name."""
        named = any(spec.name == FIND_TOOLS.name for spec in self.specs)
        return named or sum(self._as_told(action_format).tokens) <= self._tokens

    def first(self, action_format: ActionFormat, task: str) -> tuple[ToolSpec, ...]:
        """Those that a task asks for, in the order the caller gave, and then the finder.

        The first call takes about half a second: it imports what searches.
        """
        tokens = self._as_told(action_format).tokens
        room = self._tokens - self.size(action_format, FIND_TOOLS)
        chosen = sorted(_packed(self._ranked(task), tokens, room))
        return (*(self.specs[number] for number in chosen), FIND_TOOLS)

    def more(
        self, action_format: ActionFormat, query: str, known: Collection[str]
    ) -> tuple[ToolSpec, ...]:
        """The few best of those whose names are not ``known``, best first; where any fits at least
        one, however long it is.
        """
        ranked = [n for n in self._ranked(query) if self.specs[n].name not in known]
        tokens = self._as_told(action_format).tokens
        return tuple(self.specs[n] for n in _packed(ranked, tokens, _FOUND_TOKENS, least=1))

    def told_by(self, action_format: ActionFormat, line: str) -> ToolSpec | None:
        """The tool, or the finder, that such a line tells of."""
        return self._as_told(action_format).by_line.get(line)

    def size(self, action_format: ActionFormat, spec: ToolSpec) -> int:
        """Tokens in which a tool is told."""
        if action_format == "native":
            size = schema_bound(tool_to_wire(spec))
        else:
            size = utf8_length(told(action_format, spec))
        if action_format == "schema" and self._schema_is_read:
            size += schema_bound(action_schema((spec,)))
        return -(-size // _BYTES_PER_TOKEN)

    def _ranked(self, text: str) -> list[int]:
        """The places of those that fit a text, best first: one that it names before all others."""
        if len(text) > 2 * _LONG:
            text = f"{text[:_LONG]} {text[-_LONG:]}"
        asked = [more for name, more in _ASKED.items() if PATTERNS[name].search(text)]
        found = self._index.search(_searched(" ".join([text, *asked])), len(self.specs))
        names = set(_NAME.findall(text))
        named = (n for n, spec in enumerate(self.specs) if spec.name in names)
        return list(dict.fromkeys([*named, *(n for n, _ in found)]))

    @cached_property
    def _index(self) -> Bm25:
        return Bm25.build(_searched(_text(spec)) for spec in self.specs)

    def _as_told(self, action_format: ActionFormat) -> _Shown:
        if action_format not in self._shown:
            every = (*self.specs, FIND_TOOLS)
            tokens = tuple(self.size(action_format, spec) for spec in self.specs)
            lines = {told(action_format, spec).partition("\n")[0]: spec for spec in every}
            self._shown[action_format] = _Shown(tokens, lines)
        return self._shown[action_format]


def _packed(ranked: Sequence[int], tokens: Sequence[int], room: int, least: int = 0) -> list[int]:
    """As many as there is room for, the first of them first."""
    taken: list[int] = []
    for number in ranked:
        if tokens[number] <= room or len(taken) < least:
            taken.append(number)
            room -= tokens[number]
    return taken


def _text(spec: ToolSpec) -> str:
    properties = cast("Mapping[str, object]", spec.parameters.get("properties", {}))
    return " ".join([spec.name, spec.description, *properties])


def _searched(text: str) -> str:
    """Its words, those inside names too, and how each begins: "converts" finds "conversion"."""
    found = dict.fromkeys(words(_NAME_PARTS.sub(" ", text)))
    return " ".join(f"{word} {word[:_STEM]}" for word in found)
