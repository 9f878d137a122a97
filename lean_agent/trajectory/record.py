"""What is kept of a run: one JSON object a line, whoever recorded it.

What nobody measured is None and not 0: tokens that a log does not tell are unknown, as is the cost
of a call without a price, and so is every sum they enter.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lean_agent.usage import EXACT

__all__ = ["VERSION", "Source", "Step", "StepKind", "Trajectory", "Usage", "invalid"]

VERSION = 1

StepKind = Literal["act", "think", "answer"]
"""act: the environment or a tool was asked for something. think: nothing was. answer: the run's
answer, or one of several that were sampled.
"""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Record(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )


class Usage(_Record):
    """Tokens, US dollars and seconds; ``estimated`` where the tokens were guessed from the text."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost: Annotated[Decimal, Field(ge=0)] | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    estimated: bool = False

    @property
    def tokens(self) -> int | None:
        """Input and output together."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @staticmethod
    def total(parts: Iterable[Usage]) -> Usage:
        """The sum of each figure, None where a part of it is."""
        parts = list(parts)
        return Usage(
            input_tokens=_sum(part.input_tokens for part in parts),
            output_tokens=_sum(part.output_tokens for part in parts),
            cost=_cost(part.cost for part in parts),
            seconds=_seconds(part.seconds for part in parts),
            estimated=any(part.estimated for part in parts),
        )


class Step(_Record):
    """One action and what came of it.

    ``turn`` is the model call that chose it, from 0; actions that one call chose together share it,
    and the call's ``usage`` stands on the first of them, 0 on the others. ``reward`` is what the
    step by itself earned, where that is known: of an answer, whether it was right.
    """

    turn: Count
    kind: StepKind = "act"
    action: str = ""
    arguments: dict[str, Any] = {}
    thought: str = ""
    observation: str = ""
    is_error: bool = False
    reward: Share | None = None
    usage: Usage = Usage()


class Source(_Record):
    """Where a trajectory is from: the format, the file's name, the line, and who acted.

    ``recorded`` is when it was written down, in seconds since 1970; 0 where nobody knows.
    """

    format: str
    file: str = ""
    line: Count = 0
    model: str = ""
    arm: str = ""
    recorded: Annotated[float, Field(ge=0)] = 0.0


class Trajectory(_Record):
    """One attempt at one task. ``task_id`` is the question itself where a log names no tasks.

    ``instructions`` is what the model was told before the question. ``reward`` runs from 0 to 1;
    it and ``passed`` are None where nobody judged. ``usage`` is of the whole attempt. Of the
    entities that the task requires, ``entities_found`` were obtained; without any, both are 0.
    """

    version: Literal[1] = VERSION
    id: str = Field(min_length=1)
    task_id: str
    question: str
    answers: list[str] = []
    instructions: str = ""
    steps: list[Step]
    output: str = ""
    ending: str = ""
    reward: Share | None = None
    passed: bool | None = None
    entities_required: Count = 0
    entities_found: Count = 0
    usage: Usage = Usage()
    source: Source

    @model_validator(mode="after")
    def _in_order(self) -> Trajectory:
        last = 0
        for number, step in enumerate(self.steps):
            if not last <= step.turn <= number:
                raise ValueError(f"step {number} is of turn {step.turn} after turn {last}")
            last = step.turn
        if self.entities_found > self.entities_required:
            raise ValueError("more entities were found than are required")
        return self

    @property
    def turns(self) -> int:
        """Model calls that chose something."""
        return self.steps[-1].turn + 1 if self.steps else 0

    @property
    def written(self) -> int | None:
        """Tokens that the model wrote: the whole attempt's figure, or that of its steps."""
        if self.usage.output_tokens is not None:
            return self.usage.output_tokens
        return _sum(step.usage.output_tokens for step in self.steps)

    def tokens_by_turn(self) -> list[int | None]:
        """Tokens read and written in each turn, None where unknown."""
        found: list[int | None] = [0] * self.turns
        for step in self.steps:
            so_far, tokens = found[step.turn], step.usage.tokens
            found[step.turn] = None if so_far is None or tokens is None else so_far + tokens
        return found

    @property
    def actions(self) -> int:
        """What was asked of the environment or of tools: WebLeaper's T."""
        return sum(step.kind == "act" for step in self.steps)

    def to_line(self) -> str:
        """The record as one line of JSON, without what it leaves at the default."""
        data = self.model_dump_json(exclude_defaults=True, exclude={"version"})
        return f'{{"version":{VERSION},{data[1:]}'


def invalid(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    problem = error.errors(include_url=False, include_input=False)[0]
    at = ".".join(str(part) for part in problem["loc"])
    told = problem["msg"].removeprefix("Value error, ")
    return f"{at}: {told}" if at else told


def _sum(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _cost(values: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total = EXACT.add(total, value)
    return total


def _seconds(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total
