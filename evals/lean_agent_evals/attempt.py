"""An attempt that needs no environment: fixed tools, perhaps some files, and a scorer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lean_agent import RunResult, Tool
from lean_agent_evals.task import Score

__all__ = ["Attempt", "copied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An Episode of fixed parts."""

    tools: Sequence[Tool] = ()
    roots: Sequence[Path] = ()
    instructions: str
    scorer: Callable[[RunResult], Score]

    def score(self, result: RunResult) -> Score:
        return self.scorer(result)


@contextmanager
def copied(files: Sequence[Path]) -> Generator[Path]:
    """A folder with copies of the files and nothing else: what lies beside them, perhaps the
    answers, stays out of reach. It is removed afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="lean-agent-task-") as name:
        folder = Path(name)
        for file in files:
            shutil.copy(file, folder)
        yield folder
