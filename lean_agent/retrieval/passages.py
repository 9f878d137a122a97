"""Passages in a folder, mapped: one is read when it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lean_agent.retrieval.arrays import Strings, StringWriter, map_array, write_array
from lean_agent.retrieval.corpus import Passage, searched_text

__all__ = ["PassageWriter", "Passages"]


class PassageWriter:
    """Writes passages, file by file, into an existing folder; complete when its context ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts = StringWriter(folder, "texts")
        self._titles = StringWriter(folder, "titles")
        self._sources = StringWriter(folder, "sources")
        self._first: list[int] = []
        self._newest = ""

    def __enter__(self) -> PassageWriter:
        return self

    def __exit__(self, *_: object) -> None:
        import numpy as np

        for strings in (self._texts, self._titles, self._sources):
            strings.close()
        counts = np.diff([*self._first, len(self)])
        source_of = np.repeat(np.arange(len(self._first), dtype="<u4"), counts)
        write_array(self._folder / "source_of.u32", source_of)
        write_array(self._folder / "first.u32", np.array(self._first, "<u4"))

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, passage: Passage) -> None:
        """The passages of one source come one after the other, in their order."""
        if not self._first or passage.source != self._newest:
            self._newest = passage.source
            self._sources.add(passage.source)
            self._first.append(len(self))
        self._texts.add(passage.text)
        self._titles.add(passage.title)


class Passages:
    """What a PassageWriter wrote. Safe to read from several threads at once.

    Raises:
        OSError, ValueError: files are missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._texts = Strings(folder, "texts")
        self._titles = Strings(folder, "titles")
        self._sources = Strings(folder, "sources")
        self._source_of = map_array(folder / "source_of.u32", "<u4")
        self._first = map_array(folder / "first.u32", "<u4")
        whole = len(self._texts) == len(self._titles) == len(self._source_of)
        if not whole or len(self._sources) != len(self._first):
            raise ValueError("the files of the passages do not fit together")

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, number: int) -> Passage:
        source_number = int(self._source_of[number])
        source = self._sources[source_number]
        place = number - int(self._first[source_number]) + 1
        return Passage(f"{source}#{place}", self._titles[number], self._texts[number], source)

    def __iter__(self) -> Iterator[Passage]:
        return (self[number] for number in range(len(self)))

    def searched(self) -> Iterator[str]:
        """What an index knows of each passage, in their order."""
        return map(searched_text, self._titles, self._texts)
