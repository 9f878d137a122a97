"""Cuts a document's text into passages a model can read, on the borders the text itself has."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["CHUNKING_VERSION", "MAX_PASSAGE_CHARS", "chunks"]

MAX_PASSAGE_CHARS = 1_000

CHUNKING_VERSION = 1
"""Goes up with every change of where texts are cut: indexes then read their files again."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r".+?(?:[.!?;:]\s+|\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"#{1,6}\s")


def chunks(text: str) -> Iterator[str]:
    """Pieces of at most MAX_PASSAGE_CHARS characters: whole paragraphs where they fit, else whole
    sentences, else words. A Markdown heading stays with the paragraph that follows it.
    """
    held = ""
    for piece in _pieces(text):
        joined = f"{held}\n\n{piece}" if held else piece
        if len(joined) <= MAX_PASSAGE_CHARS:
            held = joined
            continue
        # A heading at the end belongs to what follows, if there is room for both.
        body, _, last = held.rpartition("\n\n")
        if body and _is_heading(last) and len(last) + len(piece) + 2 <= MAX_PASSAGE_CHARS:
            yield body
            held = f"{last}\n\n{piece}"
        else:
            yield held
            held = piece
    if held:
        yield held


def _is_heading(paragraph: str) -> bool:
    return bool(_HEADING.match(paragraph)) and "\n" not in paragraph


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs, the long ones cut."""
    for paragraph in _PARAGRAPH.split(text.strip()):
        if len(paragraph) <= MAX_PASSAGE_CHARS:
            held = paragraph
        else:
            held = ""
            for part in _parts(paragraph):
                if held and len(held) + len(part.rstrip()) > MAX_PASSAGE_CHARS:
                    yield held.strip()
                    held = ""
                held += part
        if held.strip():
            yield held.strip()


def _parts(paragraph: str) -> Iterator[str]:
    """Sentences or lines with the space that follows them; of those that are too long, pieces that
    end between words where they can.
    """
    for sentence in _SENTENCE.finditer(paragraph):
        start, end = sentence.span()
        while end - start > MAX_PASSAGE_CHARS:
            space = paragraph.rfind(" ", start + 1, start + MAX_PASSAGE_CHARS)
            cut = space + 1 if space > 0 else start + MAX_PASSAGE_CHARS
            yield paragraph[start:cut]
            start = cut
        yield paragraph[start:end]
