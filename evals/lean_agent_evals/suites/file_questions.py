"""Questions with short exact answers, some about files: what JSON lines and GAIA have in common."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

from lean_agent import ConfigurationError, RunResult, Tool
from lean_agent_evals.attempt import Attempt, copied
from lean_agent_evals.scoring import exact_score
from lean_agent_evals.splits import half
from lean_agent_evals.suite import Solution
from lean_agent_evals.suites.gaia_like.read_document import read_document
from lean_agent_evals.task import Score, Split, Task
from lean_agent_tools.calculator import calculator
from lean_agent_tools.list_files import list_files
from lean_agent_tools.python import python
from lean_agent_tools.read_file import read_file

__all__ = ["FileQuestion", "FileQuestions"]

_INSTRUCTIONS = (
    "Give the answer alone, without a sentence around it: a number (no unit, no thousands "
    "separator, unless the question asks for them), as few words as possible, or a list separated "
    "by commas."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuestion:
    """``files`` are paths below the suite's folder."""

    id: str
    question: str
    answers: tuple[str, ...]
    files: tuple[str, ...] = ()
    level: int = 0


class FileQuestions:
    """A suite of such questions, scored as GAIA scores.

    Each attempt is given a calculator, Python, the user's own tools and, with files, copies of them
    and tools to read them. Its solutions do not show how an answer is found.

    Raises:
        ConfigurationError: two questions have one id, or a file is not there.
    """

    def __init__(
        self, name: str, questions: Sequence[FileQuestion], *, folder: Path, tools: Sequence[Tool]
    ) -> None:
        self._name = name
        self._folder = folder
        self._tools = tools
        _check(questions, folder)
        self._tasks = [
            Task(
                id=asked.id,
                question="\n\nFile: ".join([asked.question, *map(_file_name, asked.files)]),
                answers=asked.answers,
                level=asked.level,
                data={"files": list(asked.files)},
            )
            for asked in questions
        ]

    @property
    def name(self) -> str:
        return self._name

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """Half of the questions.

        Raises:
            ConfigurationError: more are asked for than there are.
        """
        return half(self._tasks, split, seed=seed, count=count)

    @contextmanager
    def open(self, task: Task) -> Generator[Attempt]:
        """Files are copied to a folder of their own, which is removed afterwards."""

        def scored(result: RunResult) -> Score:
            return exact_score(result.output, task.answers)

        tools: list[Tool] = [calculator, python, *self._tools]
        with ExitStack() as stack:
            roots: list[Path] = []
            if files := [self._folder / file for file in task.data["files"]]:
                roots.append(stack.enter_context(copied(files)))
                tools += [list_files, read_file, read_document]
            yield Attempt(tools=tools, roots=roots, instructions=_INSTRUCTIONS, scorer=scored)

    def solution(self, task: Task) -> Solution:
        return Solution(answer=task.answers[0])

    def best(self, task: Task) -> float:
        del task
        return 1.0


def _check(questions: Sequence[FileQuestion], folder: Path) -> None:
    seen: set[str] = set()
    for asked in questions:
        if asked.id in seen:
            raise ConfigurationError(f"two questions have the id {asked.id}")
        seen.add(asked.id)
        names = [_file_name(file) for file in asked.files]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"question {asked.id}: two of its files have one name")
        for file in asked.files:
            # Whoever wrote the questions must not name files of the user's that have no part in it.
            inside = not PurePath(file).is_absolute() and ".." not in PurePath(file).parts
            if not inside or not (folder / file).is_file():
                raise ConfigurationError(
                    f"question {asked.id}: there is no file {file} in {folder}",
                    hint="put it there, or below",
                )


def _file_name(path: str) -> str:
    return PurePath(path).name
