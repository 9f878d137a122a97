"""A folder of documents as passages. Spec: retrieval ("Corpus")."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.chunking import chunks
from lean_agent.retrieval.documents import UnreadableError, read_documents

__all__ = ["Corpus", "Passage", "Skipped", "load_corpus"]

_MAX_FILE_BYTES = 20 * 1024 * 1024


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
        """What an index knows of it: a passage in the middle of a document has its title too."""
        return f"{self.title}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was left out, and why. ``path`` is relative to the corpus folder."""

    path: str
    reason: str


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
    """Read every text, Markdown, HTML, CSV, JSON and JSON Lines file below a folder.

    Files of any other name are read as text if they are UTF-8. Hidden and binary files, files over
    20 MB, links out of the folder and linked folders are left out and listed.

    Raises:
        ConfigurationError: no such folder, or not one file that can be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise ConfigurationError(f"{what}: {folder}", hint="give a folder of documents")
    root = folder.resolve()
    passages: list[Passage] = []
    skipped: list[Skipped] = []
    for path in _walk(root, skipped):
        source = _relative(path, root)
        try:
            passages += _passages(path, root, source)
        except (UnreadableError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            skipped.append(Skipped(source, " ".join(reason.split())))
    skipped.sort(key=lambda entry: PurePosixPath(entry.path))
    if not passages:
        telling = sorted(skipped, key=lambda entry: entry.reason == "hidden")
        why = f": {telling[0].path} is left out ({telling[0].reason})" if telling else ""
        raise ConfigurationError(
            f"no readable documents in {folder}{why}",
            hint="put text, Markdown, HTML, CSV or JSON files into it",
        )
    return Corpus(tuple(passages), tuple(skipped))


def _relative(path: Path, root: Path) -> str:
    """The path as text that can be written: names need not be valid UTF-8."""
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()


def _walk(root: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """Every file, sorted by path; what is not entered goes to ``skipped``."""

    def skip(path: Path, reason: str) -> None:
        skipped.append(Skipped(_relative(path, root), reason))

    def unlistable(error: OSError) -> None:
        skip(Path(error.filename), error.strerror or "cannot be listed")

    found: list[Path] = []
    for here, folders, files in os.walk(root, onerror=unlistable):
        entered: list[str] = []
        for name in folders:
            path = Path(here, name)
            if name.startswith("."):
                skip(path, "hidden")
            elif path.is_symlink():
                skip(path, "a link to a folder")
            else:
                entered.append(name)
        folders[:] = entered
        for name in files:
            path = Path(here, name)
            if name.startswith("."):
                skip(path, "hidden")
            else:
                found.append(path)
    yield from sorted(found)


def _passages(path: Path, root: Path, source: str) -> list[Passage]:
    text = _text(path, root)
    found = [
        (document.title, chunk)
        for document in read_documents(PurePosixPath(source), text)
        for chunk in chunks(document.text)
    ]
    return [
        Passage(f"{source}#{number}", title, chunk, source)
        for number, (title, chunk) in enumerate(found, 1)
    ]


def _text(path: Path, root: Path) -> str:
    try:
        real = path.resolve()
    except RuntimeError as error:  # so says Python before 3.13
        raise UnreadableError("a link that leads to itself") from error
    if not real.is_relative_to(root):
        raise UnreadableError("a link out of the folder")
    about = real.stat()
    if not stat.S_ISREG(about.st_mode):
        raise UnreadableError("not a regular file")
    if about.st_size > _MAX_FILE_BYTES:
        raise UnreadableError(f"larger than {_MAX_FILE_BYTES // 2**20} MB")
    data = real.read_bytes()
    if b"\0" in data:
        raise UnreadableError("binary")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UnreadableError("not UTF-8 text") from error
