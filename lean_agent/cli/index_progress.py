"""The building and pushing of an index in sight of the user."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from lean_agent.cli.streams import is_terminal, say

__all__ = ["index_progress"]

_UNITS = {
    "reading": "files",
    "embedding": "passages",
    "linking": "vectors",
    "sending": "passages",
}
_WORTH_TELLING = 1_000
_Tell: TypeAlias = Callable[[str, int, int], None]
"""A stage, how much of it is done, and how much there is."""


@contextmanager
def index_progress() -> Generator[_Tell]:
    """Bars with rate and time left where somebody watches, else a line each tenth of what takes
    long.
    """
    if not is_terminal(sys.stderr):
        yield _tenths()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TextColumn("{task.fields[rate]:>9}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, unit=_UNITS[stage], rate="")
            speed = bar.tasks[tasks[stage]].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            bar.update(tasks[stage], completed=done, total=total, rate=rate)

        yield tell


def _tenths() -> _Tell:
    told: dict[str, int] = {}

    def tell(stage: str, done: int, total: int) -> None:
        tenth = 10 * done // total
        if total >= _WORTH_TELLING and tenth > told.get(stage, 0):
            told[stage] = tenth
            say(f"  {stage}: {tenth * 10} % of {total:,} {_UNITS[stage]}")

    return tell
