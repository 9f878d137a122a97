"""An answer as it is written to a terminal: no word is broken at the margin, and what Markdown
marks stands out.

Every mark stays where it is, so what is copied from the screen is what was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lean_agent.cli.theme import Theme

__all__ = ["Prose"]

_ITEM: Final = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+")
_HEADING: Final = re.compile(r"#{1,6}")
_FENCE: Final = ("```", "~~~")
_PIECE: Final = re.compile(r"\n|[^\S\n]+|[`*]|[!-)+-_a-~]+|[^\s]")
"""The end of a line, spaces, a mark, letters of ASCII, or one other character."""
_RESET: Final = "\x1b[0m"
_LOOKED_AT: Final = 80
"""Characters of a line that say what kind of line it is."""


class Prose:
    """Takes the text piece by piece and gives what is to be written so far.

    ``columns`` is asked at each word how wide the terminal is now. Code and tables are not folded:
    the terminal does that where it must.
    """

    def __init__(self, theme: Theme, columns: Callable[[], int]) -> None:
        self._theme = theme
        self._columns = columns
        self._margin = columns()
        self._out: list[str] = []
        self._fenced = False
        self._begin_line()

    def feed(self, text: str) -> str:
        """Take more; a word is given when it is whole."""
        for piece in _PIECE.findall(text):
            self._take(piece)
        return self._given()

    def end(self) -> str:
        """The rest, and the terminal's own colours again. What comes next begins a new answer."""
        self._flush()
        self._unstyle()
        self._fenced = False
        self._begin_line()
        return self._given()

    def _take(self, piece: str) -> None:
        if piece == "\n":
            self._end_line()
            return
        if len(self._beginning) < _LOOKED_AT:
            self._beginning += piece
        if self._fenced:
            self._style(self._theme.code)
            self._out.append(piece)
        elif piece.isspace():
            self._flush()
            self._spaces += piece
            self._endless = False
        elif piece == "`":
            self._turn_code()
        elif piece == self._last == "*" and not self._in_code:
            self._turn_weight()
        else:
            if self._opening and piece != "*":
                self._strong, self._opening = True, False
                self._turn(self._theme.strong)
            if piece.isascii():
                self._add(piece, len(piece))
            else:
                self._beyond_ascii(piece)
        self._last = piece

    def _beyond_ascii(self, character: str) -> None:
        """Where one character fills two columns there are no spaces: a line may end anywhere."""
        from rich.cells import cell_len

        width = cell_len(character)
        if width > 1:
            self._flush()
        self._add(character, width)
        if width > 1:
            self._flush()

    def _turn_code(self) -> None:
        self._in_code = not self._in_code
        if self._in_code:
            self._turn(self._theme.code)
        self._add("`", 1)
        if not self._in_code:
            self._turn(self._theme.strong if self._strong else self._line_style)

    def _turn_weight(self) -> None:
        """At a second asterisk: the end of what is strong, or its beginning if a word follows."""
        self._add("*", 1)
        self._opening = not self._strong
        if self._strong:
            self._strong = False
            self._turn(self._line_style)

    def _add(self, piece: str, width: int) -> None:
        self._word += piece
        self._width += width
        if self._width >= self._margin:
            self._flush()
            self._endless = True

    def _turn(self, how: str) -> None:
        """Another style from here on, within the word."""
        if self._styled:
            self._word += _RESET
        if how:
            self._word += f"\x1b[{how}m"
        self._styled = bool(how)

    def _style(self, how: str) -> None:
        """A style of the whole line."""
        self._line_style = how
        if how and not self._styled:
            self._out.append(f"\x1b[{how}m")
            self._styled = True

    def _flush(self) -> None:
        """Put the word on this line, or on the next one if it does not fit."""
        if not self._word:
            return
        self._opening = False
        self._margin = self._columns()
        if not self._begun:
            self._begun = True
            self._look_at_first_word()
        gap = len(self._spaces.expandtabs())
        fits = self._column + gap + self._width < self._margin
        if fits or self._whole or self._endless or self._column <= self._indent:
            self._out.append(self._spaces)
            self._column = (self._column + gap + self._width) % self._margin
        else:
            self._out.append("\n" + " " * self._indent)
            self._column = (self._indent + self._width) % self._margin
        self._out.append(self._word)
        self._word, self._width, self._spaces = "", 0, ""

    def _look_at_first_word(self) -> None:
        """What kind of line this is, before anything of it is given."""
        first = self._beginning.split(maxsplit=1)[0]
        self._whole = first.startswith(("|", *_FENCE))
        if _HEADING.fullmatch(first):
            self._style(self._theme.heading)
        elif first.startswith(_FENCE):
            self._style(self._theme.code)
        item = _ITEM.match(f"{self._spaces}{first} ")
        width = item.end() if item else len(self._spaces)
        self._indent = width if 2 * width < self._margin else 0

    def _end_line(self) -> None:
        self._flush()
        self._unstyle()
        if self._beginning.lstrip().startswith(_FENCE):
            self._fenced = not self._fenced
        self._out.append("\n")
        self._begin_line()

    def _unstyle(self) -> None:
        if self._styled:
            self._out.append(_RESET)

    def _begin_line(self) -> None:
        self._beginning = self._last = self._word = self._spaces = self._line_style = ""
        self._width = self._column = self._indent = 0
        self._begun = self._whole = self._endless = False
        self._styled = self._in_code = self._strong = self._opening = False

    def _given(self) -> str:
        given = "".join(self._out)
        self._out.clear()
        return given
