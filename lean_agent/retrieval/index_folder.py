"""The folder of an index: generations side by side, one of which a small file names as current.

A build writes a new generation and replaces that file when all of it is on the disk, so whatever
ends a build leaves the old index as it was. Earlier generations are then removed; who has one open
keeps it, since files that are mapped live on without their names.

    current                  the name of a generation
    generation-N/            manifest.json, files.jsonl, passages/, words/, vectors/
    embedded-HASH.journal    vectors that no generation has yet
    build.lock               held by the one process that builds
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from lean_agent import _paths
from lean_agent.errors import ConfigurationError

__all__ = ["IndexFolder", "default_folder"]

_CURRENT = "current"
_LOCK = "build.lock"
_GENERATION = "generation-"
_NAME = re.compile(rf"{_GENERATION}[0-9]{{1,18}}")


def default_folder(source: Path) -> Path:
    """Where the index of a folder of documents is kept, unless another place is given."""
    root = Path(source).resolve()
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in root.name)[:40]
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return _paths.cache_dir() / "indexes" / f"{name}-{digest}"


class IndexFolder:
    """Names in an index's folder, and the steps that must be atomic."""

    def __init__(self, path: Path) -> None:
        self.path: Path = Path(path).absolute()

    @property
    def current(self) -> Path | None:
        """The generation that answers; None where none was completed, or where what names it is
        damaged: a build then begins anew.
        """
        try:
            name = (self.path / _CURRENT).read_text(encoding="utf-8").strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
            return None
        return self.path / name if _NAME.fullmatch(name) else None

    def journal(self, embedder: str) -> Path:
        """Where the vectors of one embedder are kept until a generation has them."""
        digest = hashlib.sha256(embedder.encode()).hexdigest()[:12]
        return self.path / f"embedded-{digest}.journal"

    @contextmanager
    def building(self) -> Generator[None]:
        """Be the only one who builds here.

        Raises:
            ConfigurationError: another process builds, or the folder holds other things.
            OSError: the folder cannot be made.
        """
        from filelock import FileLock, Timeout

        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds the documents' text
        lock = self.path / _LOCK
        if not lock.exists() and any(self.path.iterdir()):
            raise ConfigurationError(
                f"{self.path} holds other things than an index",
                hint="give an empty folder, or one that does not exist",
            )
        try:
            with FileLock(lock, timeout=0):
                yield
        except Timeout as error:
            raise ConfigurationError(
                f"{self.path} is being built by another process", hint="wait until it is done"
            ) from error

    def new_generation(self) -> Path:
        """An empty folder for the next generation; what ended builds left is removed."""
        current = self.current
        self._remove_but(current)
        number = int(current.name.removeprefix(_GENERATION)) + 1 if current else 1
        generation = self.path / f"{_GENERATION}{number}"
        generation.mkdir()
        return generation

    def publish(self, generation: Path) -> None:
        """Make a complete generation the current one, for good, and remove the others.

        Raises:
            OSError: the disk is full; the earlier generation stays current.
        """
        for here, _, files in os.walk(generation):
            for name in files:
                _sync(Path(here, name))
            _sync(Path(here))
        temporary = self.path / f"{_CURRENT}.new"
        temporary.write_text(f"{generation.name}\n", encoding="utf-8")
        _sync(temporary)
        temporary.replace(self.path / _CURRENT)
        _sync(self.path)
        self._remove_but(generation)

    def build_command(self, source: str) -> str:
        """The command that builds this index."""
        command = f"lean-agent index build {shlex.quote(source or 'DIR')}"
        if source and self.path == default_folder(Path(source)):
            return command
        return f"{command} --out {shlex.quote(str(self.path))}"

    def _remove_but(self, kept: Path | None) -> None:
        for path in self.path.glob(f"{_GENERATION}*"):
            if path != kept:
                with suppress(OSError):  # the next build tries again
                    shutil.rmtree(path)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
