"""A folder of documents as passages. Spec: retrieval ("Corpus")."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lean_agent.retrieval.chunking import chunks
from lean_agent.retrieval.documents import Document, UnreadableError, read_documents
from lean_agent.retrieval.files import (
    Skipped,
    no_documents,
    read_file,
    reason,
    relative,
    source_folder,
    walk,
)
from lean_agent.retrieval.pdf import read_pdf

__all__ = ["Corpus", "Passage", "Skipped", "load_corpus", "read_passages", "searched_text"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, about 1,000 characters at most.

    ``source`` is the file's path relative to the corpus folder; ``id`` adds the passage's number
    in that file.
    """

    id: str
    title: str
    text: str
    source: str

    @property
    def searched(self) -> str:
        """What an index knows of it."""
        return searched_text(self.title, self.text)


def searched_text(title: str, text: str) -> str:
    """A passage in the middle of a document is found by the document's title, too."""
    return f"{title}\n{text}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a folder holds, in the order of its paths."""

    passages: tuple[Passage, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def files(self) -> int:
        """How many files the passages come from."""
        return len({passage.source for passage in self.passages})


def load_corpus(folder: Path) -> Corpus:
    """Read every text, Markdown, HTML, CSV, JSON, JSON Lines and PDF file below a folder.

    Files of any other name are read as text if they are UTF-8. Hidden and binary files, files over
    20 MB, links out of the folder and linked folders are left out and listed.

    Raises:
        ConfigurationError: no such folder, or not one file that can be read.
    """
    root = source_folder(folder)
    passages: list[Passage] = []
    skipped: list[Skipped] = []
    for path in walk(root, skipped):
        source = relative(path, root)
        try:
            passages += read_passages(source, read_file(path, root))
        except (UnreadableError, OSError) as error:
            skipped.append(Skipped(source, reason(error)))
    skipped.sort(key=lambda entry: PurePosixPath(entry.path))
    if not passages:
        raise no_documents(folder, skipped)
    return Corpus(tuple(passages), tuple(skipped))


def read_passages(source: str, data: bytes) -> list[Passage]:
    """The passages of one file, by its name and content.

    Raises:
        UnreadableError: binary, not UTF-8, or not of the form that the name says.
    """
    found = [
        (document.title, chunk)
        for document in _documents(PurePosixPath(source), data)
        for chunk in chunks(document.text)
    ]
    return [
        Passage(f"{source}#{number}", title, chunk, source)
        for number, (title, chunk) in enumerate(found, 1)
    ]


def _documents(name: PurePosixPath, data: bytes) -> list[Document]:
    if name.suffix.lower() == ".pdf":
        return [read_pdf(name.stem, data)]
    if b"\0" in data:
        raise UnreadableError("binary")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UnreadableError("not UTF-8 text") from error
    return read_documents(name, text)
