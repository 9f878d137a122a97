"""Grade-school mathematics in words: GSM8K (Cobbe et al., arXiv 2110.14168)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from lean_agent import ConfigurationError, RunResult
from lean_agent_evals.attempt import Attempt
from lean_agent_evals.records import read_records
from lean_agent_evals.splits import half
from lean_agent_evals.suite import Solution
from lean_agent_evals.task import Score, Split, Task

__all__ = ["GSM8K", "last_number"]

_INSTRUCTIONS = "The answer is one number; give it without a unit."
_NUMBER = re.compile(r"-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
_SOLUTION_MARK = "####"


class _Record(BaseModel):
    """As published, with an answer that ends in ``#### 18``; or of ``input`` and ``target``."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    question: str = Field(validation_alias=AliasChoices("question", "input"))
    answer: str = Field(validation_alias=AliasChoices("answer", "target"))


def last_number(text: str) -> Decimal | None:
    """The last number in a text, as GSM8K is commonly scored; None without one."""
    found = _NUMBER.findall(text)
    return Decimal(found[-1].replace(",", "")) if found else None


class GSM8K:
    """Scored 1 where the last number of the answer is the right one. No tools are offered.

    Args:
        path: The publisher's JSON lines, or a JSON list of ``{"input", "target"}``.

    Raises:
        ConfigurationError: the file cannot be read, a record has another form, or no number.
    """

    name = "gsm8k"

    def __init__(self, path: Path) -> None:
        records = read_records(path, _Record)
        self._tasks = [_task(record, f"{path}, record {n}") for n, record in enumerate(records, 1)]

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """Half of the questions.

        Raises:
            ConfigurationError: more are asked for than there are.
        """
        return half(self._tasks, split, seed=seed, count=count)

    @contextmanager
    def open(self, task: Task) -> Generator[Attempt]:
        def scored(result: RunResult) -> Score:
            given, right = last_number(result.output), last_number(task.answers[0])
            detail = "" if given == right else f"{right} is right, {given} was given"
            return Score(value=float(given == right), passed=given == right, detail=detail)

        yield Attempt(instructions=_INSTRUCTIONS, scorer=scored)

    def solution(self, task: Task) -> Solution:
        return Solution(answer=task.answers[0])

    def best(self, task: Task) -> float:
        del task
        return 1.0


def _task(record: _Record, where: str) -> Task:
    answer = record.answer.rpartition(_SOLUTION_MARK)[2].strip()
    if last_number(answer) is None:
        raise ConfigurationError(f"{where}: its answer holds no number")
    name = hashlib.sha256(record.question.encode()).hexdigest()[:12]
    return Task(id=name, question=record.question, answers=(answer,), needs_tools=False)
