from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from lean_agent.cli.prose import Prose
from lean_agent.cli.theme import THEMES

CODES = re.compile(r"\x1b\[[0-9;]*m")


def written(text: str, columns: int, *, theme: str = "none", piece: int = 3) -> str:
    prose = Prose(THEMES[theme], lambda: columns)
    pieces = [text[start : start + piece] for start in range(0, len(text), piece)]
    return "".join(prose.feed(one) for one in pieces) + prose.end()


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("one two three", 80, ["one two three"]),
        ("one two three four", 10, ["one two", "three", "four"]),
        ("- one two three\n  kept", 10, ["- one two", "  three", "  kept"]),
        ("12. one two three", 12, ["12. one two", "    three"]),
        ("a https://example.org/a/long/path b", 12, ["a", "https://example.org/a/long/path b"]),
        ("```\nx = 1  # a long line of code\n```\none two", 8, None),
        ("| a | b | c | d |\n|---|---|---|---|", 8, None),
        ("一二三四五六", 9, ["一二三四", "五六"]),
        ("", 8, [""]),
        ("two\n\nparagraphs\n", 80, ["two", "", "paragraphs", ""]),
    ],
)
def test_words_are_whole_and_code_and_tables_as_they_are(
    text: str, columns: int, lines: list[str] | None
) -> None:
    expected = text.split("\n") if lines is None else lines
    for piece in (1, 3, 1000):
        assert written(text, columns, piece=piece).split("\n") == expected


def test_a_word_longer_than_many_lines_is_not_cut() -> None:
    word = "x" * 500
    assert written(f"{word} end", 20) == f"{word} end"


MARKED = """# Title with `code`

Some **bold words**, some `code`, 2 ** 3, a*b and ** alone.
- *item* with ```` ``` ````
```python
def f(): return "**"
```
after"""


@pytest.mark.parametrize("theme", THEMES)
def test_marks_stand_out_and_stay(theme: str) -> None:
    shown = written(MARKED, 200, theme=theme, piece=1)
    assert CODES.sub("", shown) == MARKED
    if theme == "none":
        assert shown == MARKED
        return
    how = THEMES[theme]
    assert f"\x1b[{how.heading}m# Title" in shown
    assert f"**\x1b[{how.strong}mbold words**\x1b[0m," in shown
    assert f"\x1b[{how.code}m`code`\x1b[0m," in shown
    assert f'\x1b[{how.code}mdef f(): return "**"\x1b[0m\n' in shown
    assert shown.endswith("\nafter")


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    text = "Straße 東京 naïve **résumé** 🙂 日本語のテキスト and plain words again. " * 30
    lines = written(text, columns, theme="dark").split("\n")
    assert max(cell_len(CODES.sub("", line)) for line in lines) <= columns
    assert len(lines) < 2 * cell_len(text) / columns + 2
