"""The suite gaia-like."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lean_agent import ConfigurationError, RunResult, Tool
from lean_agent_evals.scoring import exact_score
from lean_agent_evals.suite import Solution
from lean_agent_evals.suites.gaia_like.contents import Contents, contents
from lean_agent_evals.suites.gaia_like.documents import write_file
from lean_agent_evals.suites.gaia_like.draft import Draft
from lean_agent_evals.suites.gaia_like.read_document import read_document
from lean_agent_evals.task import Score, Split, Task
from lean_agent_tools.calculator import calculator
from lean_agent_tools.list_files import list_files
from lean_agent_tools.python import python
from lean_agent_tools.read_file import read_file

__all__ = ["GaiaLike"]

_PAGES = 2_000

_INSTRUCTIONS = (
    "Facts about the places, people, firms and works named in a question stand in the "
    "encyclopedia. Give the answer alone, without a sentence around it: a number (no unit, no "
    "thousands separator), as few words as possible, or a list separated by commas, as the "
    "question asks."
)


@dataclass(frozen=True, slots=True)
class _Attempt:
    tools: Sequence[Tool]
    roots: Sequence[Path]
    answers: tuple[str, ...]
    instructions: str = _INSTRUCTIONS

    def score(self, result: RunResult) -> Score:
        return exact_score(result.output, self.answers)


class GaiaLike:
    """Questions with short answers, in GAIA's manner, on a world that no model has memorised.

    Levels are 1 to 3. A task's ``data`` says by which sentences and rows the answer is proven
    ("evidence") and which files come with it ("files").

    Args:
        pages: How long the encyclopedia of each world is.
    """

    def __init__(self, *, pages: int = _PAGES) -> None:
        self._pages = pages

    @property
    def name(self) -> str:
        return "gaia-like" if self._pages == _PAGES else f"gaia-like-{self._pages}"

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """300 for a seed; any 30 in a row from a multiple of 30 on are of every kind.

        Raises:
            ConfigurationError: more are asked for than there are.
        """
        drafts = self._contents(split, seed).drafts
        if count is not None and count > len(drafts):
            raise ConfigurationError(
                f"{self.name} has {len(drafts)} tasks for a seed, not {count}",
                hint="take another seed for more",
            )
        return [
            _task(split, seed, number, kind, draft)
            for number, (kind, draft) in enumerate(drafts[:count])
        ]

    @contextmanager
    def open(self, task: Task) -> Generator[_Attempt]:
        """Files are written to a folder of their own, which is removed afterwards.

        Raises:
            ConfigurationError: a library for the file's format is not installed.
        """
        book = self._contents(task.data["split"], task.data["seed"]).book
        draft = self._draft(task)
        tools = [*book.tools, calculator, python]
        if not draft.files:
            yield _Attempt(tools, (), draft.answers)
            return
        with tempfile.TemporaryDirectory(prefix="gaia-like-") as name:
            folder = Path(name)
            for file in draft.files:
                write_file(file, folder)
            tools += [list_files, read_file, read_document]
            yield _Attempt(tools, (folder,), draft.answers)

    def solution(self, task: Task) -> Solution:
        draft = self._draft(task)
        return Solution(calls=draft.calls, answer=draft.answers[0])

    def best(self, task: Task) -> float:
        del task
        return 1.0

    def _contents(self, split: Split, seed: int) -> Contents:
        return contents(split, seed, self._pages)

    def _draft(self, task: Task) -> Draft:
        number: int = task.data["number"]
        return self._contents(task.data["split"], task.data["seed"]).drafts[number][1]


def _task(split: Split, seed: int, number: int, kind: str, draft: Draft) -> Task:
    return Task(
        id=f"{split}-{seed}-{number:03}",
        question=draft.question,
        answers=draft.answers,
        level=draft.level,
        kind=kind,
        needs_tools=bool(draft.calls),
        entities=draft.entities,
        data={
            "split": split,
            "seed": seed,
            "number": number,
            "evidence": list(draft.evidence),
            "files": [file.name for file in draft.files],
        },
    )
