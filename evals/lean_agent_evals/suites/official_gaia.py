"""The official GAIA questions, which their authors ask not to pass on: the user brings them.

Format: https://huggingface.co/datasets/gaia-benchmark/GAIA: ``metadata.jsonl``, or since October
2025 ``metadata.parquet``, with the files beside it, named in ``file_name`` (Mialon et al., arXiv
2311.12983).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from lean_agent import ConfigurationError, Tool
from lean_agent_evals.records import read_parquet, read_records
from lean_agent_evals.suites.file_questions import FileQuestion, FileQuestions

__all__ = ["OfficialGaia"]

_PRIVATE = "?"
"""Stands for an answer in the official test split."""


class _Record(BaseModel):
    """Numbers of levels are text in some releases. The annotators' notes are not read."""

    task_id: str
    question: str = Field(validation_alias="Question")
    level: int = Field(validation_alias="Level")
    answer: str = Field(validation_alias="Final answer")
    file_name: str = ""


class OfficialGaia(FileQuestions):
    """GAIA's validation questions, half of them for development and half for the test.

    Args:
        folder: ``2023/validation`` of the official data.
        tools: What each attempt may use besides a calculator, Python and the files: GAIA's
            questions often need the web.

    Raises:
        ConfigurationError: the metadata cannot be read, has no answers or another form, or a file
            is not there.
    """

    def __init__(self, folder: Path, *, tools: Sequence[Tool] = ()) -> None:
        jsonl, parquet = folder / "metadata.jsonl", folder / "metadata.parquet"
        if parquet.is_file():
            records = read_parquet(parquet, _Record)
        else:
            records = read_records(jsonl, _Record)
        if any(record.answer == _PRIVATE for record in records):
            raise ConfigurationError(
                f"{folder} has no answers: GAIA's test split cannot be scored here",
                hint="take 2023/validation",
            )
        questions = [_question(record) for record in records]
        super().__init__("official-gaia", questions, folder=folder, tools=tools)


def _question(record: _Record) -> FileQuestion:
    return FileQuestion(
        id=record.task_id,
        question=record.question,
        answers=(record.answer,),
        files=(record.file_name,) if record.file_name else (),
        level=record.level,
    )
