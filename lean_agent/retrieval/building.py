"""Builds the index of a folder, anew or from what has changed. Spec: retrieval ("Corpus")."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from lean_agent._threads import in_daemon_thread, start_in_daemon_thread, to_its_end
from lean_agent.embedder import Embedder, address_of
from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.embedding import Embeddings, embed_passages
from lean_agent.retrieval.embedding_journal import EmbeddingJournal
from lean_agent.retrieval.files import Skipped, no_documents, source_folder
from lean_agent.retrieval.graph import Calibration
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.index_folder import IndexFolder, default_folder
from lean_agent.retrieval.manifest import (
    FORMAT_VERSION,
    Chunking,
    FileRecord,
    Manifest,
    write_files,
)
from lean_agent.retrieval.passages import Passages, PassageWriter
from lean_agent.retrieval.scanning import Scan, scan, write_passages
from lean_agent.retrieval.vectors import EXACT_BELOW, write_vectors
from lean_agent.usage import Usage

__all__ = ["Built", "Progress", "Stage", "build_index"]

Stage = Literal["reading", "embedding", "linking"]
Progress = Callable[[Stage, int, int], None]
"""Called with a stage, how much of it is done, and how much there is: files, passages, vectors.
It may be called from another thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build did. ``changed`` is False where the index already held what the folder holds.

    ``read`` files were parsed and ``embedded`` texts sent to the embedder, for ``usage`` (its cost
    is None: the caller prices it); the rest was taken from the index before.
    """

    folder: Path
    manifest: Manifest
    skipped: tuple[Skipped, ...]
    changed: bool
    read: int = 0
    embedded: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float


def _silent(_stage: Stage, _done: int, _total: int) -> None:
    pass


async def build_index(
    source: Path,
    folder: Path | None = None,
    *,
    embedder: Embedder | None = None,
    recall: float = 0.95,
    progress: Progress = _silent,
) -> Built:
    """Make the index of a folder of documents what the folder is now.

    Unchanged files are not read again and known texts not embedded again, also where a build before
    was cancelled or killed. The index before answers until the new one is complete.

    Args:
        source: The folder of documents.
        folder: Where the index is kept; None is a place in the cache by the source's path.
        embedder: Makes the passages' vectors; without one they are found by their words alone.
        recall: The share of the 10 nearest vectors that an approximate search must find.
        progress: Told what is done.

    Raises:
        ConfigurationError: nothing to read, or the folder has another source's index or is being
            built by another process.
        ModelError: the embedder failed; what it had done before is kept.
        OSError: the disk is full, or cannot be written.
    """
    started = time.perf_counter()
    root = source_folder(source)
    place = IndexFolder(folder if folder is not None else default_folder(root))
    with place.building():
        build = await in_daemon_thread(partial(_Build, place, root, embedder, recall, progress))
        found = await in_daemon_thread(partial(scan, root, build.old, without=place.path))
        if build.old is not None and not found.changed and build.same(build.old.manifest):
            manifest, records, made = build.old.manifest, build.old.files(), None
        else:
            generation = place.new_generation()
            try:
                manifest, records, made = await build.generation(generation, found)
            except Exception:
                # Not when it is cancelled: a thread may be at work there. The next build clears up.
                if place.current != generation:
                    shutil.rmtree(generation, ignore_errors=True)
                raise
            place.journal(build.name).unlink(missing_ok=True)
    return Built(
        folder=place.path,
        manifest=manifest,
        skipped=_skipped(found, records),
        changed=build.old is None or manifest is not build.old.manifest,
        read=sum(1 for file in found.files if file.old is None),
        embedded=made.embedded if made else 0,
        usage=made.usage if made else Usage(),
        seconds=time.perf_counter() - started,
    )


class _Build:
    """One build of one folder, under its lock."""

    def __init__(
        self,
        place: IndexFolder,
        root: Path,
        embedder: Embedder | None,
        recall: float,
        progress: Progress,
    ) -> None:
        self.name = embedder.name if embedder is not None else ""
        self._place = place
        self._root = root
        self._embedder = embedder
        self._recall = recall
        self._progress = progress
        self._started_ns = time.time_ns()
        self.old = self._old()

    def _old(self) -> Index | None:
        """The index before, if it can be used: it is looked at whole before it is opened.

        Raises:
            ConfigurationError: it is of another folder of documents.
        """
        generation = self._place.current
        if generation is None:
            return None
        try:
            manifest = Manifest.read(generation)
            known = manifest.format_version == FORMAT_VERSION
            if known and manifest.sealed(generation) != manifest:
                return None  # damaged: this build mends it
        except (OSError, ValueError):
            return None
        if manifest.source not in ("", str(self._root)):
            raise ConfigurationError(
                f"{self._place.path} is the index of {manifest.source}",
                hint="give another folder: --out",
            )
        return Index(generation) if known else None

    def same(self, manifest: Manifest) -> bool:
        """Whether an index over unchanged files is as it was asked for."""
        return (
            manifest.embedder == self.name
            and manifest.chunking == Chunking()
            and (manifest.passages < EXACT_BELOW or manifest.recall == self._recall)
        )

    async def generation(
        self, generation: Path, found: Scan
    ) -> tuple[Manifest, list[FileRecord], Embeddings | None]:
        """Write a generation and make it the current one."""
        records = await in_daemon_thread(partial(self._write_texts, generation, found))
        count = sum(record.passages for record in records)
        if not count:
            raise no_documents(self._root, list(_skipped(found, records)))
        made, calibration = None, None
        if self._embedder is not None:
            made = await self._embedded(self._embedder, Passages(generation / "passages"))
            calibration = await in_daemon_thread(partial(self._write_vectors, generation, made))
        manifest = Manifest(
            source=str(self._root),
            built_ns=self._started_ns,
            passages=count,
            files=sum(1 for record in records if record.passages),
            embedder=self.name,
            embedder_url=address_of(self._embedder) if self._embedder is not None else "",
            dimensions=made.vectors.shape[1] if made else 0,
            recall=self._recall,
            calibration=calibration,
        )
        manifest = await in_daemon_thread(partial(manifest.sealed, generation))
        manifest.write(generation)
        await to_its_end(start_in_daemon_thread(partial(self._place.publish, generation)))
        return manifest, records, made

    def _write_texts(self, generation: Path, found: Scan) -> list[FileRecord]:
        for name in ("passages", "words"):
            (generation / name).mkdir()
        with PassageWriter(generation / "passages") as writer:
            reading = partial(self._progress, "reading")
            records = write_passages(found, self._root, self.old, writer, reading)
        write_files(generation / "files.jsonl", records)
        passages = Passages(generation / "passages")
        Bm25.build(passages.searched()).save(generation / "words")
        return records

    async def _embedded(self, embedder: Embedder, passages: Passages) -> Embeddings:
        vectors = None
        if self.old is not None and self.old.manifest.embedder == self.name:
            vectors = self.old.vectors
        journal = await in_daemon_thread(partial(EmbeddingJournal, self._place.journal(self.name)))
        try:
            telling = partial(self._progress, "embedding")
            return await embed_passages(passages, embedder, vectors, journal, telling)
        finally:
            journal.close()

    def _write_vectors(self, generation: Path, made: Embeddings) -> Calibration | None:
        folder = generation / "vectors"
        folder.mkdir()
        linking = partial(self._progress, "linking")
        return write_vectors(folder, made.keys, made.vectors, recall=self._recall, progress=linking)


def _skipped(found: Scan, records: list[FileRecord]) -> tuple[Skipped, ...]:
    unread = (Skipped(record.path, record.skipped) for record in records if record.skipped)
    return tuple(sorted([*found.left_out, *unread], key=lambda one: PurePosixPath(one.path)))
