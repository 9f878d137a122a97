"""Whether the right tool is called, and none where none fits.

From the Berkeley Function-Calling Leaderboard's single-turn cases: ``simple_python``, where one
call of the one function is right, and ``irrelevance``, where the function does not do what is
asked and the right thing is to call nothing (https://github.com/ShishirPatil/gorilla, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel

from lean_agent import ConfigurationError, RunContext, RunResult, ToolSpec
from lean_agent_evals.attempt import Attempt
from lean_agent_evals.call_matching import mistake
from lean_agent_evals.records import read_records
from lean_agent_evals.splits import half
from lean_agent_evals.suite import Solution
from lean_agent_evals.task import Score, Split, Task

__all__ = ["ToolNeed"]

_INSTRUCTIONS = (
    "Call the function given if it does what is asked: once, with the arguments that the request "
    "states. If it does not, say so and call nothing."
)
_TAKEN = "Done; the user has the result. Say so in a word."
_NEEDLESS = "No function given does that."

_SIMPLE = "BFCL_v4_simple_python.json"
_FILES = (_SIMPLE, "BFCL_v4_irrelevance.json")

_JSON_TYPES: Final[Mapping[str, str]] = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "any": "string",
}
"""As in BFCL's own GORILLA_TO_OPENAPI; other types have JSON schema's names."""


class _Case(BaseModel):
    id: str
    question: list[list[dict[str, str]]]
    function: list[dict[str, Any]]

    @property
    def request(self) -> str:
        """What the user says."""
        return self.question[0][-1]["content"]


class _Gold(BaseModel):
    id: str
    ground_truth: list[dict[str, dict[str, list[Any]]]]


class _Function:
    """A function that is described and does nothing: what counts is how it is called."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self.spec = ToolSpec(
            name=_tool_name(described["name"]),
            description=described["description"],
            parameters=_json_schema(described["parameters"]),
        )

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        del arguments, ctx
        return _TAKEN


class ToolNeed:
    """BFCL's cases, scored 1 or 0 by the calls made; what is answered is not judged.

    A request stands for one task, though BFCL makes three of them twice, with other functions.
    A call that repeats an earlier one and was served from memory does not count again. To call
    nothing is only right for an agent that answers something.

    Args:
        folder: Holds BFCL's files as ``cases/BFCL_v4_irrelevance.json``,
            ``cases/BFCL_v4_simple_python.json`` and ``answers/BFCL_v4_simple_python.json``.

    Raises:
        ConfigurationError: a file is not there or has another form.
    """

    name = "tool-need"

    def __init__(self, folder: Path) -> None:
        answers = read_records(folder / "answers" / _SIMPLE, _Gold)
        cases = [case for name in _FILES for case in read_records(folder / "cases" / name, _Case)]
        try:
            golds = {gold.id: gold.ground_truth[0] for gold in answers}
            self._tasks = list(
                {case.request: _task(case, golds) for case in reversed(cases)}.values()
            )
            for task in self._tasks:
                _Function(task.data["function"])
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"the cases in {folder} are not BFCL's: {type(error).__name__} {error}",
                hint="take its files as they are",
            ) from error

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """Half of the cases, of both kinds.

        Raises:
            ConfigurationError: more are asked for than there are.
        """
        return half(self._tasks, split, seed=seed, count=count)

    @contextmanager
    def open(self, task: Task) -> Generator[Attempt]:
        """One tool, which any call satisfies."""
        described = task.data["function"]

        def scored(result: RunResult) -> Score:
            problem = _problem(described, task.data["accepted"], result)
            return Score(value=float(not problem), passed=not problem, detail=problem)

        yield Attempt(tools=[_Function(described)], instructions=_INSTRUCTIONS, scorer=scored)

    def solution(self, task: Task) -> Solution:
        accepted = task.data["accepted"]
        if accepted is None:
            return Solution(answer=_NEEDLESS)
        function = task.data["function"]
        required = function["parameters"]["required"]
        arguments = {
            name: _plain(next(value for value in values if value != ""))
            for name, values in accepted.items()
            if name in required or "" not in values
        }
        return Solution(calls=((_tool_name(function["name"]), arguments),), answer="Done.")

    def best(self, task: Task) -> float:
        del task
        return 1.0


def _problem(
    described: Mapping[str, Any], accepted: Mapping[str, list[Any]] | None, result: RunResult
) -> str:
    calls = [step for step in result.trajectory if not step.served]
    if accepted is None:
        if calls:
            return f"called {calls[0].tool}, where nothing fits"
        return "" if result.output.strip() else "answered nothing"
    if len(calls) != 1:
        return f"{len(calls)} calls, not 1"
    return mistake(described["parameters"], accepted, calls[0].arguments)


def _task(case: _Case, golds: Mapping[str, Mapping[str, dict[str, list[Any]]]]) -> Task:
    function = case.function[0]
    kind = case.id.rpartition("_")[0]
    accepted = None
    if kind != "irrelevance":
        try:
            accepted = golds[case.id][function["name"]]
        except KeyError as error:
            raise ConfigurationError(f"there is no answer to BFCL's case {case.id}") from error
    return Task(
        id=case.id,
        question=case.request,
        kind=kind,
        needs_tools=accepted is not None,
        data={"function": function, "accepted": accepted},
    )


def _tool_name(name: str) -> str:
    """Hosted models accept no dots; BFCL writes underscores for them too."""
    return name.replace(".", "_")


def _json_schema(described: Mapping[str, Any]) -> dict[str, Any]:
    """BFCL's description of a type as JSON schema."""
    schema = {name: value for name, value in described.items() if name != "optional"}
    schema["type"] = _JSON_TYPES.get(described["type"], described["type"])
    if "properties" in described:
        schema["properties"] = {n: _json_schema(p) for n, p in described["properties"].items()}
    if "items" in described:
        schema["items"] = _json_schema(described["items"])
    return schema


def _plain(accepted: Any) -> Any:
    """The value itself: inside an object, every key has a list of accepted values."""
    if isinstance(accepted, list):
        return [_plain(item) for item in cast("list[Any]", accepted)]
    if isinstance(accepted, dict):
        found = cast("dict[str, list[Any]]", accepted)
        return {key: _plain(values[0]) for key, values in found.items() if "" not in values}
    return accepted
