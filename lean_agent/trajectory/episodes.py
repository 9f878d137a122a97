"""What is remembered of runs: a small JSON file each, in a folder that only its owner may read."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from lean_agent._files import write_whole
from lean_agent.errors import ConfigurationError

__all__ = ["MOST", "Episode", "Episodes"]

MOST: Final = 1_000
_ID_CHARS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What was asked (``title``) and what came of it (``text``); an index reads these two.

    ``remembered`` is when that was, in seconds since 1970.
    """

    title: str
    text: str
    run_id: str
    remembered: float

    @property
    def id(self) -> str:
        """Of the question: who asks it again replaces what was remembered."""
        return hashlib.sha256(self.title.encode()).hexdigest()[:_ID_CHARS]


class Episodes:
    """The episodes of a folder; at most ``most``, and none that was of no use for ``keep_days``.

    A file's time says when it was last of use: what was not for the longest is forgotten first.
    """

    def __init__(self, folder: Path, *, most: int = MOST, keep_days: float | None = None) -> None:
        self.folder = folder
        self._most = most
        self._keep_seconds = None if keep_days is None else keep_days * 86_400

    def add(self, episode: Episode) -> None:
        """Remember one, and forget what there is no room for.

        Raises:
            OSError: the disk refuses it.
        """
        told = json.dumps(asdict(episode), ensure_ascii=False)
        write_whole(self._path(episode.id), told)
        self._forget_surplus()

    def used(self, ids: Iterable[str]) -> None:
        """They were of use now."""
        for name in ids:
            try:
                os.utime(self._path(name))
            except FileNotFoundError:  # forgotten meanwhile
                continue

    def all(self) -> list[Episode]:
        """Every one, the newest first.

        Raises:
            ConfigurationError: a file there is no episode.
        """
        found = [_read(path) for path in self._paths()]
        return sorted(found, key=lambda episode: (-episode.remembered, episode.id))

    def forget(self, ids: Collection[str]) -> int:
        """Remove these; how many there were."""
        removed = 0
        for name in ids:
            path = self._path(name)
            removed += path.exists()
            path.unlink(missing_ok=True)
        return removed

    def _forget_surplus(self) -> None:
        times: list[tuple[float, Path]] = []
        for path in self._paths():
            try:
                times.append((path.stat().st_mtime, path))
            except FileNotFoundError:
                continue
        times.sort(reverse=True)
        oldest = 0.0 if self._keep_seconds is None else time.time() - self._keep_seconds
        for number, (last_used, path) in enumerate(times):
            if number >= self._most or last_used < oldest:
                path.unlink(missing_ok=True)

    def _paths(self) -> Iterator[Path]:
        return self.folder.glob("*.json") if self.folder.is_dir() else iter(())

    def _path(self, name: str) -> Path:
        return self.folder / f"{Path(name).name}.json"


def _read(path: Path) -> Episode:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Episode(
            title=str(data["title"]),
            text=str(data["text"]),
            run_id=str(data["run_id"]),
            remembered=float(data["remembered"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is no episode", hint="remove that file; it was not written by lean-agent"
        ) from error
