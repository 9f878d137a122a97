"""Sub-questions: asked for, and read out of what the model wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

__all__ = ["MOST", "SubQuestion", "asked_for", "read", "schema", "waves"]

MOST: Final = 5
_FEWEST = 2
_MOST_CHARS = 120
_MOST_CREDITS = 1_000
_LINE = re.compile(r"^\s*(?:\d+[.)]|[-*])\s*(?P<question>\S.*)$", re.M)


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """``needs`` are the places of earlier ones that it builds on, from 0; ``credits`` how hard the
    model thinks it is beside the others.
    """

    question: str
    needs: frozenset[int]
    credits: float


def asked_for(task: str, *, by_credit: bool, in_words: bool) -> str:
    """The prompt; ``in_words`` describes the form where no schema holds the model to it."""
    asked = (
        f"{task}\n\nDo not solve this yet. Split it into {_FEWEST} to {MOST} short sub-questions, "
        "in the order in which to answer them; the last one asks for the final answer. Say of each "
        "which earlier ones it needs, by number"
    )
    asked += ", and its credits: how hard it is, 100 in all for all of them." if by_credit else "."
    if not in_words:
        return asked
    form = '{"parts": [{"question": "...", "needs": []' + (', "credits": 0' if by_credit else "")
    return f"{asked}\nReply with JSON alone, in this form: {form}}}, ...]}}"


def schema(*, by_credit: bool) -> Mapping[str, Any]:
    """The JSON schema of the reply."""
    fields: dict[str, Any] = {
        "question": {"type": "string", "maxLength": _MOST_CHARS},
        "needs": {"type": "array", "items": {"type": "integer"}, "maxItems": MOST - 1},
    }
    if by_credit:
        fields["credits"] = {"type": "integer", "minimum": 1, "maximum": 100}
    part = _object(fields)
    parts = {"type": "array", "items": part, "minItems": _FEWEST, "maxItems": MOST}
    return _object({"parts": parts})


def read(text: str) -> list[SubQuestion]:
    """What can be read as sub-questions, JSON or numbered lines; none where it is under two.

    Lines say nothing of needs and credits: each then builds on all before it, and all weigh alike.
    """
    found = [part for number, item in enumerate(_items(text)) if (part := _part(item, number))]
    if len(found) < _FEWEST:
        lines = [match["question"].strip() for match in _LINE.finditer(text)]
        found = [SubQuestion(line, frozenset(range(i)), 1.0) for i, line in enumerate(lines)]
    return found[:MOST] if len(found) >= _FEWEST else []


def waves(parts: Sequence[SubQuestion]) -> list[list[int]]:
    """Places of the parts that can be answered side by side, in order. The last part is alone: it
    has all the others to build on.
    """
    last = len(parts) - 1
    done: set[int] = set()
    found: list[list[int]] = []
    while len(done) < last:
        ready = [i for i in range(last) if i not in done and parts[i].needs <= done]
        found.append(ready)
        done.update(ready)
    return [*found, [last]]


def _object(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _items(text: str) -> list[Any]:
    from json_repair import repair_json

    start = text.find("{")
    # What was cut off in the middle is mended: the parts that are whole are of use.
    data: Any = repair_json(text[start:], return_objects=True) if start >= 0 else None
    items = cast("dict[str, Any]", data).get("parts") if isinstance(data, dict) else None
    return cast("list[Any]", items) if isinstance(items, list) else []


def _part(item: object, place: int) -> SubQuestion | None:
    if not isinstance(item, dict):
        return None
    fields = cast("dict[str, Any]", item)
    question = fields.get("question")
    if not isinstance(question, str) or not question.strip():
        return None
    needs, credit = fields.get("needs"), fields.get("credits")
    named = cast("list[Any]", needs) if isinstance(needs, list) else range(1, place + 1)
    known = frozenset(n - 1 for n in named if isinstance(n, int) and 1 <= n <= place)
    given = credit if isinstance(credit, int | float) and credit > 0 else 1
    # A model may write any number, one that no sum can hold among them.
    return SubQuestion(question.strip(), known, float(min(given, _MOST_CREDITS)))
