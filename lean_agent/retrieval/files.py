"""Which files of a folder are documents, and their bytes. Spec: retrieval ("Corpus")."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.documents import UnreadableError

__all__ = ["Skipped", "no_documents", "read_file", "reason", "relative", "source_folder", "walk"]

_MAX_FILE_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was left out, and why. ``path`` is relative to the corpus folder."""

    path: str
    reason: str


def source_folder(folder: Path) -> Path:
    """The folder, resolved.

    Raises:
        ConfigurationError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise ConfigurationError(f"{what}: {folder}", hint="give a folder of documents")
    return folder.resolve()


def no_documents(folder: Path, skipped: list[Skipped]) -> ConfigurationError:
    """The error of a folder in which nothing could be read, with the first reason."""
    telling = sorted(skipped, key=lambda entry: entry.reason == "hidden")
    why = f": {telling[0].path} is left out ({telling[0].reason})" if telling else ""
    return ConfigurationError(
        f"no readable documents in {folder}{why}",
        hint="put text, Markdown, HTML, CSV, JSON or PDF files into it",
    )


def relative(path: Path, root: Path) -> str:
    """The path as text that can be written: names need not be valid UTF-8."""
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()


def reason(error: UnreadableError | OSError) -> str:
    """Why a file was left out, on one line."""
    return " ".join((getattr(error, "strerror", None) or str(error)).split())


def walk(root: Path, skipped: list[Skipped], *, without: Path | None = None) -> Iterator[Path]:
    """Every file, sorted by path; what is not entered goes to ``skipped``, save the folder that
    the caller wants none of.
    """

    def skip(path: Path, reason: str) -> None:
        skipped.append(Skipped(relative(path, root), reason))

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
            elif path != without:
                entered.append(name)
        folders[:] = entered
        for name in files:
            path = Path(here, name)
            if name.startswith("."):
                skip(path, "hidden")
            else:
                found.append(path)
    yield from sorted(found)


def read_file(path: Path, root: Path) -> bytes:
    """A file's content.

    Raises:
        UnreadableError: a link out of the folder, no regular file, or over 20 MB.
        OSError: it cannot be read.
    """
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
    return real.read_bytes()
