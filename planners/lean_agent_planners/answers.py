"""Where an answer stands in what somebody wrote: after the last "Answer:", else at the end.

Form is forgiven, content is not: exactly one place is read, so that to write several answers down
is no way to be right.
"""

from __future__ import annotations

import re

__all__ = ["answer_line", "answer_part"]

_MARK = re.compile(r"\banswer\s*\**\s*:", re.IGNORECASE)
_MOST_CHARS = 20_000


def answer_part(text: str) -> str:
    """All that follows the last mark; the whole text where there is none."""
    text = text[-_MOST_CHARS:]
    marks = list(_MARK.finditer(text))
    part = text[marks[-1].end() :] if marks else text
    return re.sub(r"^[ \t]*```\w*[ \t\r]*$", "", part, flags=re.MULTILINE).strip().strip("*`$ \n")


def answer_line(text: str) -> str:
    """The first line after the last mark; the last line where there is none. "" for no text."""
    lines = [line.strip().strip("*`$ ") for line in answer_part(text).splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    return lines[0] if _MARK.search(text[-_MOST_CHARS:]) else lines[-1]
