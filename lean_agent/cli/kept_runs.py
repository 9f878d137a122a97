"""Runs that are not complete: what ``lean-agent resume`` needs beside their checkpoints.

A run is kept from its beginning, so that one that is killed can go on too, and forgotten when it is
complete or has been left for 30 days.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lean_agent._paths import state_dir
from lean_agent.cli.options import RunOptions
from lean_agent.cli.places import place_of
from lean_agent.cli.private_files import write_private
from lean_agent.cli.streams import say
from lean_agent.cli.text import one_line
from lean_agent.errors import ConfigurationError
from lean_agent.result import RunResult

__all__ = ["KeptRun", "find", "kept_runs", "settle", "usable_checkpoints"]

_DAYS = 30
_SECONDS_PER_DAY = 86_400


async def usable_checkpoints(given: str | None) -> Path | str | None:
    """Where a run's states are kept; None, told, where nothing can be: a run is worth more than its
    resuming. What was left for 30 days is deleted.

    Raises:
        ConfigurationError: the place was ``given``, and cannot be used.
    """
    from lean_agent.runtime.checkpoints import open_checkpoints

    place = place_of(given)
    try:
        _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        await _forget(run for run in _all() if run.is_old)
        async with open_checkpoints(place):
            return place
    except OSError as error:
        say(one_line(f"note: this run cannot be resumed: {_folder()}: {error.strerror}"))
    except ConfigurationError as error:
        if given:
            raise
        say(one_line(f"note: this run cannot be resumed: {error.message}"))
    return None


def _folder() -> Path:
    return state_dir() / "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """A run's question and the options it was given. It may hold private text: mode 0600."""

    run_id: str
    question: str
    options: RunOptions
    started: float = 0.0

    @property
    def _path(self) -> Path:
        return _folder() / f"{self.run_id}.json"

    @property
    def is_old(self) -> bool:
        return time.time() - self.started > _DAYS * _SECONDS_PER_DAY

    def write(self) -> None:
        """Keep it; a disk that refuses costs only the resuming."""
        data = {
            "question": self.question,
            "options": self.options.to_dict(),
            "started": time.time(),
        }
        try:
            write_private(self._path, data)
        except OSError as error:
            say(f"note: this run cannot be resumed: {self._path}: {error.strerror}")

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


def kept_runs() -> list[KeptRun]:
    """Those that can go on, the newest first. What was left for 30 days is deleted."""
    runs = _all()
    if old := [run for run in runs if run.is_old]:
        asyncio.run(_forget(old))
    return [run for run in runs if not run.is_old]


def _all() -> list[KeptRun]:
    """Old ones too, the newest first; what is no such file is left out."""
    found: list[KeptRun] = []
    for path in _folder().glob("*.json"):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found.append(
                KeptRun(
                    run_id=path.stem,
                    question=str(data["question"]),
                    options=RunOptions.from_dict(data["options"]),
                    started=float(data["started"]),
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    found.sort(key=lambda run: run.started, reverse=True)
    return found


async def _forget(runs: Iterable[KeptRun]) -> None:
    """Delete their states, and then what is known of them; another time where that fails."""
    for run in runs:
        place = place_of(run.options.checkpoints)
        with contextlib.suppress(ConfigurationError):
            if isinstance(place, str) or await asyncio.to_thread(place.exists):
                from lean_agent.runtime.checkpoints import open_checkpoints

                async with open_checkpoints(place) as saver:
                    if await saver.forget(run.run_id):
                        continue
            run.forget()


def find(prefix: str | None) -> KeptRun:
    """The run that begins so; the newest without a prefix.

    Raises:
        ConfigurationError: there is none, or several begin so.
    """
    runs = kept_runs()
    matching = [run for run in runs if run.run_id.startswith(prefix or "")]
    if not matching:
        which = f"no run {prefix!r}" if prefix else "no run"
        raise ConfigurationError(
            f"there is {which} to resume", hint="`lean-agent resume --list` shows those there are"
        )
    if prefix and len(matching) > 1:
        ids = ", ".join(run.run_id for run in matching[:3])
        raise ConfigurationError(f"several runs begin with {prefix!r}", hint=f"one of: {ids}")
    return matching[0]


def settle(result: RunResult) -> str:
    """Forget a run that cannot go on; of another say how it can ("" if it was not kept)."""
    path = _folder() / f"{result.run_id}.json"
    if not result.resumable:
        with contextlib.suppress(OSError):  # it was never kept
            path.unlink()
        return ""
    if not result.run_id or not path.exists():
        return ""
    resume = f"lean-agent resume {result.run_id[:12]}"
    if result.limit_shared:
        return f"to go on: lean-agent ledger budget set ..., then {resume}"
    raised = {
        "usd": " --budget-usd USD",
        "tokens": " --max-tokens N",
        "steps": " --max-steps N",
        "seconds": " --max-seconds S",
    }
    return f"to go on: {resume}{raised.get(result.limit or '', '')}"
