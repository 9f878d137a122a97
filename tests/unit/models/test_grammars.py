from __future__ import annotations

import re

import pytest

from lean_agent.models.grammars import any_text_but


def as_pattern(grammar: str) -> re.Pattern[str]:
    """The grammar as a regular expression: each of its rules ends in at most one other."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())

    def expanded(name: str) -> str:
        text = re.sub(r'"((?:\\U[0-9A-F]{8})?)"', lambda found: f"(?:{found[1]})", rules[name])
        text = re.sub(r"\b(?:start\d+|any_end|any)\b", lambda found: expanded(found[0]), text)
        text = re.sub(
            r"(?<!\\) (?![\\\]])",
            "",
            text.replace("[ \\t", "[\\x20\\t").replace("[^ \\t", "[^\\x20\\t"),
        )
        return f"(?:{text})"

    return re.compile(expanded("root"))


@pytest.mark.parametrize(
    "text",
    [
        "Answer: False",
        " \n42",
        "{",
        '{"',
        '{"to',
        '{"tool',
        '{"total": 3}',
        '{"result": "{\\"tool\\""}',
        "[1, 2]",
        "¿Qué? 🙂\nZwei Zeilen.",
        'I wrote {"tool":"answer"} before.',
    ],
)
def test_other_texts_are_let_through(text: str) -> None:
    assert as_pattern(any_text_but('{"tool"')).fullmatch(text)


@pytest.mark.parametrize(
    "text",
    ["", "  \n", '{"tool"', '{"tool":"answer"}', ' \n{ "tool" : "python"}', '{\n  "tool": 1}'],
)
def test_no_text_begins_so(text: str) -> None:
    assert not as_pattern(any_text_but('{"tool"')).fullmatch(text)


@pytest.mark.parametrize("start", ["", " x", "a b"])
def test_a_start_has_no_blanks(start: str) -> None:
    with pytest.raises(ValueError, match="no start"):
        any_text_but(start)
