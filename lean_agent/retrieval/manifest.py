"""What an index is made of: the file that is read first, and the one that only builds read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lean_agent.retrieval.chunking import CHUNKING_VERSION, MAX_PASSAGE_CHARS
from lean_agent.retrieval.graph import Calibration

__all__ = ["FORMAT_VERSION", "Chunking", "FileRecord", "Manifest", "read_files", "write_files"]

FORMAT_VERSION = 2
"""Goes up with every change of the folder's files: older indexes are then built anew."""

_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents were cut; another way of cutting makes every passage another one."""

    version: int = CHUNKING_VERSION
    max_chars: int = MAX_PASSAGE_CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``embedder`` is empty where passages are found by their words alone; ``embedder_url`` where
    it was asked, "" on this machine, without a name or password. ``recall`` is what was
    asked of a graph, ``calibration`` what came of it (None: exact search). ``built_ns`` is when the
    files were looked at, in nanoseconds since 1970; ``digest`` is that of the whole (``sealed``).
    """

    source: str
    built_ns: int
    passages: int
    files: int
    digest: str = ""
    embedder: str = ""
    embedder_url: str = ""
    dimensions: int = 0
    recall: float
    calibration: Calibration | None = None
    chunking: Chunking = Chunking()
    format_version: int = FORMAT_VERSION

    def sealed(self, generation: Path) -> Manifest:
        """The same with the digest of all else in it and of the generation's files, which are all
        read: 1.4 s a gigabyte from memory. Hidden files are none of an index's.

        Raises:
            OSError: a file cannot be read.
        """
        whole = hashlib.blake2b(json.dumps(asdict(replace(self, digest=""))).encode())
        for path in sorted(path for path in generation.rglob("*") if path.is_file()):
            if path.name != _NAME and not path.name.startswith("."):
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "blake2b").hexdigest()
                whole.update(f"{path.relative_to(generation).as_posix()} {digest}\n".encode())
        return replace(self, digest=whole.hexdigest())

    def write(self, generation: Path) -> None:
        text = json.dumps(asdict(self), indent=2) + "\n"
        (generation / _NAME).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, generation: Path) -> Manifest:
        """Read the manifest of an index of any version.

        Raises:
            OSError, ValueError: it is missing or damaged.
        """
        try:
            text = (generation / _NAME).read_text(encoding="utf-8")
            data: dict[str, Any] = json.loads(text)
            if data["format_version"] != FORMAT_VERSION:
                # The rest may have any form; what is known is enough to refuse it.
                return cls(
                    source=str(data.get("source", "")),
                    built_ns=0,
                    passages=0,
                    files=0,
                    embedder=str(data.get("embedder", "")),
                    recall=0,
                    format_version=data["format_version"],
                )
            calibration = data.pop("calibration")
            found = cls(
                calibration=Calibration(**calibration) if calibration else None,
                chunking=Chunking(**data.pop("chunking")),
                **data,
            )
            if found.built_ns < 0 or found.passages < 0:
                raise ValueError(f"{_NAME} is damaged")
            return found
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{_NAME} is damaged") from error


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as a build saw it: what tells whether it has changed, and what came of it.

    ``passages`` is how many came of it, ``skipped`` why none did.
    """

    path: str
    size: int
    mtime_ns: int
    content: str
    reader: int
    passages: int
    skipped: str = ""


def write_files(path: Path, records: Iterable[FileRecord]) -> None:
    """Write a file table, one JSON array a line, in the order of the passages."""
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            values = [getattr(record, name) for name in FileRecord.__slots__]
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def read_files(path: Path) -> list[FileRecord]:
    """What ``write_files`` wrote.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return [FileRecord(*json.loads(line)) for line in file]
    except TypeError as error:
        raise ValueError(f"{path.name} is damaged") from error
