"""An index on disk, opened: its passages, and the rankings by words and by vectors."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.index_folder import IndexFolder
from lean_agent.retrieval.manifest import FORMAT_VERSION, FileRecord, Manifest, read_files
from lean_agent.retrieval.passages import Passages
from lean_agent.retrieval.retriever import check_vector
from lean_agent.retrieval.vectors import Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Index"]


class Index:
    """One generation of an index, mapped: opening it takes milliseconds, whatever its size, and it
    answers the same until it is let go, also where a newer one was built meanwhile. Searching
    blocks for milliseconds; from several threads at once is safe.
    """

    def __init__(self, generation: Path) -> None:
        self.manifest: Manifest = Manifest.read(generation)
        self._generation = generation
        if self.manifest.format_version != FORMAT_VERSION:
            return
        self.passages: Passages = Passages(generation / "passages")
        self.bm25: Bm25 = Bm25.open(generation / "words", len(self.passages))
        self.vectors: Vectors | None = None
        if self.manifest.embedder:
            self.vectors = Vectors(generation / "vectors", self.manifest.calibration)
        if len(self.passages) != self.manifest.passages:
            raise ValueError("the passages are not those of the manifest")

    @classmethod
    def open(cls, folder: Path, *, embedder: str | None = None) -> Index:
        """Open the current generation of an index's folder.

        Args:
            folder: Where ``build_index`` has put it (see ``default_folder``).
            embedder: The name of the embedder whose vectors are needed; None takes what is there.

        Raises:
            ConfigurationError: no index there, one of another format or embedder, or a damaged one;
                the hint is the command that mends it.
        """
        place = IndexFolder(folder)
        index = cls._opened(place)
        found = index.manifest
        if found.format_version != FORMAT_VERSION:
            raise ConfigurationError(
                f"{place.path} has index format {found.format_version}; this is for"
                f" {FORMAT_VERSION}",
                hint=f"run: {place.build_command(found.source)}",
            )
        if embedder is not None and embedder != found.embedder:
            made = f"made with {found.embedder}" if found.embedder else "without vectors"
            command = f"{place.build_command(found.source)} --embedder {shlex.quote(embedder)}"
            raise ConfigurationError(
                f"{place.path} is {made}, not with {embedder}", hint=f"run: {command}"
            )
        return index

    @classmethod
    def _opened(cls, place: IndexFolder) -> Index:
        source = ""
        while (generation := place.current) is not None:
            try:
                source = Manifest.read(generation).source
                return cls(generation)
            except (OSError, ValueError) as error:
                if place.current != generation:
                    continue  # a build has removed it in the middle of this
                raise _damaged(place, source, error) from error
        raise ConfigurationError(
            f"no index in {place.path}", hint=f"run: {place.build_command('')}"
        )

    def __len__(self) -> int:
        return len(self.passages)

    @property
    def folder(self) -> Path:
        """Where it and later ones are kept."""
        return self._generation.parent

    def bytes_on_disk(self) -> int:
        return sum(p.stat().st_size for p in self._generation.rglob("*") if p.is_file())

    def check(self) -> None:
        """Read all of it, and refuse it if it is not what was written.

        Raises:
            ConfigurationError: it is damaged.
        """
        with self._damage_told():
            if self.manifest.sealed(self._generation) != self.manifest:
                raise ValueError("its files are not those that were written")

    def holds(self, names: Iterable[str]) -> bool:
        """Whether any word of the names stands in a passage.

        Raises:
            ConfigurationError: the index is damaged.
        """
        with self._damage_told():
            return self.bm25.holds(names)

    def files(self) -> list[FileRecord]:
        """Every file that was looked at, those that were skipped included.

        Raises:
            ConfigurationError: the table of files is damaged; the hint is what mends it.
        """
        with self._damage_told():
            return read_files(self._generation / "files.jsonl")

    def passage(self, number: int) -> Passage:
        """A passage by its number.

        Raises:
            ConfigurationError: the index is damaged.
        """
        with self._damage_told():
            return self.passages[number]

    def by_words(self, query: str, k: int) -> list[tuple[int, float]]:
        """(passage number, BM25 score) of the ``k`` best.

        Raises:
            ConfigurationError: the index is damaged.
        """
        with self._damage_told():
            return self.bm25.search(query, k)

    def by_vector(
        self, vector: NDArray[np.float32], k: int, ef: int | None = None
    ) -> list[tuple[int, float]]:
        """(passage number, cosine) of the ``k`` nearest; for ``ef`` see ``Vectors.search``.

        Raises:
            ConfigurationError: ``vector`` is not one of the index's embedder, or the index is
                damaged.
        """
        dimensions = self.vectors.dimensions if self.vectors is not None else 0
        check_vector(vector, dimensions, self.manifest.embedder)
        with self._damage_told():
            return self.vectors.search(vector, k, ef) if self.vectors is not None else []

    @contextmanager
    def _damage_told(self) -> Generator[None]:
        """Errors of damaged files as one that says how to mend them."""
        try:
            yield
        except (OSError, ValueError, IndexError, OverflowError) as error:
            raise _damaged(IndexFolder(self.folder), self.manifest.source, error) from error


def _damaged(place: IndexFolder, source: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"the index in {place.path} is damaged ({error})",
        hint=f"run: {place.build_command(source)}",
    )
