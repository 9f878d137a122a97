"""A server's words, made safe to read: nothing that a terminal obeys, nothing that is not seen."""

from __future__ import annotations

import re

from lean_agent._redact import redact

__all__ = ["one_line", "plain"]

_STYLES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# Controls but for \t and \n, marks that reorder the text around them, halves of characters, spaces
# without a width, and the tags and variation selectors, with which instructions can be written that
# no person sees. What joins letters (Persian, Hindi) or makes a sign an emoji stays.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufe00-\ufe0e\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def plain(text: str) -> str:
    """A result: the text without what is hidden in it."""
    return _HIDDEN.sub("", _STYLES.sub("", text))


def one_line(text: str, most: int) -> str:
    """A description, a name or an error: what can be seen of it, on one line, without secrets."""
    seen = "".join(c if c.isprintable() else " " for c in _STYLES.sub("", text[: 4 * most]))
    line = redact(" ".join(_HIDDEN.sub("", seen).split()))
    return line if len(line) <= most else f"{line[: most - 3]}..."
