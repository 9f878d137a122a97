"""Reads one file into documents: a title and plain text each. Spec: retrieval ("Corpus")."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import PurePath
from typing import cast

from lean_agent._text import writable

__all__ = ["READER_VERSION", "Document", "UnreadableError", "read_documents"]

READER_VERSION = 1
"""Goes up with every change of what is read from a file: indexes then read their files again."""


@dataclass(frozen=True, slots=True)
class Document:
    """A title and plain text (Markdown stays as it is)."""

    title: str
    text: str


class UnreadableError(Exception):
    """The file's form is broken; the message says where, in a few words."""


def read_documents(name: PurePath, text: str) -> list[Document]:
    """The documents in a file's text, by the ending of its name; any other ending is plain text.

    CSV gives one a row, JSON Lines one a line, JSON one an object or, for an object of lists of
    sentences (``{title: [sentence, ...]}``), one a title.

    Raises:
        UnreadableError: JSON, JSON Lines or CSV that is none.
    """
    reader = _READERS.get(name.suffix.lower(), _read_text)
    return [
        Document(writable(found.title), writable(found.text))
        for found in reader(name.stem, text)
        if found.text.strip()
    ]


_HEADING = re.compile(r"#\s+(?=\S)")
_FENCE = re.compile(r"^\s*(```|~~~)")


def _read_text(stem: str, text: str) -> Iterator[Document]:
    yield Document(stem, text)


def _read_markdown(stem: str, text: str) -> Iterator[Document]:
    fenced = False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (heading := _HEADING.match(line)):
            title = line[heading.end() :]
            yield Document(title.rstrip("#").rstrip() or title[0], text)
            return
    yield Document(stem, text)


class _Html(HTMLParser):
    """Collects text, a line break wherever a block begins or ends."""

    _HIDDEN = frozenset({"script", "style", "noscript", "template", "svg"})
    # fmt: off
    _BLOCKS = frozenset({
        "address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt",
        "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
        "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr",
        "ul",
    })
    # fmt: on

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._hidden = 0
        self._titling = ""
        self.titles: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in {"title", "h1"} and tag not in self.titles:
            self._titling = tag
            self.titles[tag] = ""
        if tag in self._HIDDEN:
            self._hidden += 1
        elif tag in self._BLOCKS:
            self._pieces.append("\n\n" if tag != "br" else "\n")
        elif tag in {"td", "th"}:
            self._pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._titling:
            self._titling = ""
        if tag in self._HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in self._BLOCKS:
            self._pieces.append("\n\n")

    def handle_data(self, data: str) -> None:
        if self._titling:
            self.titles[self._titling] += data
        if not self._hidden and self._titling != "title":
            self._pieces.append(re.sub(r"\s+", " ", data))

    @property
    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._pieces).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _read_html(stem: str, text: str) -> Iterator[Document]:
    page = _Html()
    page.feed(text)
    page.close()
    titles = (" ".join(page.titles.get(tag, "").split()) for tag in ("title", "h1"))
    yield Document(next(filter(None, titles), stem), page.text)


_TITLE_FIELDS = ("title", "name")
_TEXT_FIELDS = ("text", "contents", "content", "body")
_KNOWN_FIELDS = frozenset(_TITLE_FIELDS + _TEXT_FIELDS)


def _read_csv(stem: str, text: str) -> Iterator[Document]:
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise UnreadableError(f"not CSV: {error}") from error
    header, *body = rows or [[]]
    last = len(header) - 1
    for row in body:
        # An unquoted delimiter in the last column is text, not another column.
        row[last:] = [f"{delimiter} ".join(cell.strip() for cell in row[last:])]
        yield _from_fields(stem, dict(zip(header, row, strict=False)))


def _read_jsonl(stem: str, text: str) -> Iterator[Document]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield from _from_json(stem, _decoded(line, f"line {number}: "))


def _read_json(stem: str, text: str) -> Iterator[Document]:
    value = _decoded(text, "")
    entries = cast("list[object]", value) if isinstance(value, list) else [value]
    for entry in entries:
        yield from _from_json(stem, entry)


def _decoded(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{where}not JSON: {error}") from error


def _from_json(stem: str, value: object) -> Iterator[Document]:
    if not isinstance(value, dict):
        yield Document(stem, _plain(value))
        return
    fields = cast("dict[str, object]", value)
    if not _KNOWN_FIELDS & fields.keys() and all(map(_is_sentences, fields.values())):
        for title, sentences in fields.items():
            yield Document(title, _plain(sentences))
    else:
        yield _from_fields(stem, fields)


def _is_sentences(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, str) for item in cast("list[object]", value)
    )


def _from_fields(stem: str, fields: Mapping[str, object]) -> Document:
    """A record's title and text: the fields called so, else every field as ``name: value``."""
    names = {name.strip().lower(): name for name in fields}
    title = next((_plain(fields[names[n]]) for n in _TITLE_FIELDS if n in names), "") or stem
    for name in _TEXT_FIELDS:
        if name in names:
            return Document(title, _plain(fields[names[name]]))
    lines = (f"{name}: {text}" for name, value in fields.items() if (text := _plain(value)))
    return Document(title, "\n".join(lines))


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and _is_sentences(cast("list[object]", value)):
        return " ".join(sentence.strip() for sentence in cast("list[str]", value))
    return json.dumps(value, ensure_ascii=False)


_Reader = Callable[[str, str], Iterator[Document]]

_READERS: dict[str, _Reader] = {
    ".csv": _read_csv,
    ".htm": _read_html,
    ".html": _read_html,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".markdown": _read_markdown,
    ".md": _read_markdown,
    ".ndjson": _read_jsonl,
    ".tsv": _read_csv,
    ".xhtml": _read_html,
}
