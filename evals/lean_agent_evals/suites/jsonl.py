"""A user's own questions: one ``{"question", "answer", "files"}`` a line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lean_agent import ConfigurationError, Tool
from lean_agent_evals.records import read_records
from lean_agent_evals.suites.file_questions import FileQuestion, FileQuestions

__all__ = ["JsonLines"]


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Line(BaseModel):
    """``answer`` may be a list, of which any will do. ``files`` lie below the file's folder."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="forbid")

    question: _Text
    answer: _Text | Annotated[list[_Text], Field(min_length=1)]
    files: list[str] = []
    id: str = ""
    level: int = 0


class JsonLines(FileQuestions):
    """The questions of a file; one without an ``id`` is known by its text.

    Args:
        path: A file of JSON lines, or a JSON list.
        tools: What each attempt may use besides a calculator, Python and the files.

    Raises:
        ConfigurationError: the file cannot be read or is empty, a line has another form, two
            questions have one id, or a file is not there.
    """

    def __init__(self, path: Path, *, tools: Sequence[Tool] = ()) -> None:
        questions = [_question(line) for line in read_records(path, _Line)]
        if not questions:
            raise ConfigurationError(
                f"{path} has no tasks", hint='one {"question": ..., "answer": ...} a line'
            )
        super().__init__(path.stem, questions, folder=path.parent, tools=tools)


def _question(line: _Line) -> FileQuestion:
    return FileQuestion(
        id=line.id or hashlib.sha256(line.question.encode()).hexdigest()[:12],
        question=line.question,
        answers=tuple(line.answer) if isinstance(line.answer, list) else (line.answer,),
        files=tuple(line.files),
        level=line.level,
    )
