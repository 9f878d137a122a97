from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.outcomes import result
from support.scripted_runs import SCHEMA

from lean_agent import Agent, ConfigurationError, Ledger
from lean_agent.models.scripted import ScriptedModel
from lean_agent_evals.check import check_suite
from lean_agent_evals.splits import split_of
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.tool_need import ToolNeed
from lean_agent_evals.task import Score, Task

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))

FUNCTION = {
    "name": "geometry.area",
    "description": "Area of a triangle.",
    "parameters": {
        "type": "dict",
        "properties": {
            "base": {"type": "float", "optional": True},
            "sides": {"type": "tuple", "items": {"type": "any"}},
            "about": {"type": "dict", "properties": {"unit": {"type": "string"}}},
        },
        "required": ["base"],
    },
}


def case(number: int, kind: str, text: str) -> dict[str, Any]:
    question = [[{"role": "user", "content": text}]]
    return {"id": f"{kind}_{number}", "question": question, "function": [FUNCTION]}


def write(path: Path, *records: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    simple, irrelevant = "BFCL_v4_simple_python.json", "BFCL_v4_irrelevance.json"
    write(tmp_path / "cases" / simple, case(0, "simple_python", "Area of a triangle of base 3?"))
    write(
        tmp_path / "cases" / irrelevant,
        case(0, "irrelevance", "Who wrote Emma?"),
        case(1, "irrelevance", "Area of a triangle of base 3?"),
    )
    accepted = {"base": [3.0], "sides": ["", ["a"]], "about": [{"unit": ["cm", ""]}, ""]}
    gold = {"id": "simple_python_0", "ground_truth": [{"geometry.area": accepted}]}
    write(tmp_path / "answers" / simple, gold)
    return tmp_path


def by_kind(suite: ToolNeed) -> dict[str, Task]:
    return {task.kind: task for task in [*suite.tasks("dev"), *suite.tasks("test")]}


def scored(suite: ToolNeed, task: Task, *given: Any, **named: Any) -> Score:
    with suite.open(task) as episode:
        return episode.score(result(*given, **named))


RIGHT_CALL: tuple[str, dict[str, Any]] = ("geometry_area", {"base": 3.0})


def test_one_right_call_passes(folder: Path) -> None:
    suite = ToolNeed(folder)
    task = by_kind(suite)["simple_python"]
    assert task.needs_tools is True
    assert scored(suite, task, "", RIGHT_CALL) == Score(value=1, passed=True)
    repeated = scored(suite, task, "4.5", RIGHT_CALL, RIGHT_CALL, served=[1])
    assert repeated.passed


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ([], "0 calls, not 1"),
        ([RIGHT_CALL, RIGHT_CALL], "2 calls, not 1"),
        ([("geometry_area", {"base": 4.0})], "base is wrong"),
        ([("geometry_area", dict[str, Any]())], "base is missing"),
    ],
)
def test_any_other_calls_fail(folder: Path, calls: list[Any], why: str) -> None:
    suite = ToolNeed(folder)
    task = by_kind(suite)["simple_python"]
    assert scored(suite, task, "4.5", *calls) == Score(value=0, passed=False, detail=why)


def test_where_nothing_fits_the_right_thing_is_to_answer_without_a_call(folder: Path) -> None:
    suite = ToolNeed(folder)
    task = by_kind(suite)["irrelevance"]
    assert task.needs_tools is False
    assert scored(suite, task, "No function does that.").passed
    called = scored(suite, task, "Austen", RIGHT_CALL)
    assert called.detail == "called geometry_area, where nothing fits"
    assert scored(suite, task, " \n").detail == "answered nothing"


def test_a_request_made_twice_is_one_task(folder: Path) -> None:
    suite = ToolNeed(folder)
    ids = [task.id for task in [*suite.tasks("dev"), *suite.tasks("test")]]
    assert sorted(ids) == ["irrelevance_0", "simple_python_0"]


async def test_the_tool_is_described_in_json_schema(folder: Path) -> None:
    suite = ToolNeed(folder)
    with suite.open(by_kind(suite)["simple_python"]) as episode:
        (tool,) = episode.tools
    assert tool.spec.name == "geometry_area"
    assert tool.spec.parameters == {
        "type": "object",
        "properties": {
            "base": {"type": "number"},
            "sides": {"type": "array", "items": {"type": "string"}},
            "about": {"type": "object", "properties": {"unit": {"type": "string"}}},
        },
        "required": ["base"],
    }


async def test_a_real_run_is_scored_by_the_calls_it_made(folder: Path, tmp_path: Path) -> None:
    suite = ToolNeed(folder)
    task = by_kind(suite)["simple_python"]
    call = '{"tool": "geometry_area", "arguments": {"base": 3.0}}'
    model = ScriptedModel([call, call, '{"tool": "answer"}', "Done."], card=SCHEMA)
    with suite.open(task) as episode:
        async with Agent(
            model=model, tools=list(episode.tools), ledger=Ledger(tmp_path / "ledger")
        ) as agent:
            ran = await agent.run(task.question, mode="agent")
        assert ran.tool_calls == 2
        assert episode.score(ran).passed


def test_a_case_without_an_answer_is_refused(folder: Path) -> None:
    write(folder / "answers" / "BFCL_v4_simple_python.json")
    with pytest.raises(ConfigurationError, match="no answer to BFCL's case simple_python_0"):
        ToolNeed(folder)


WRONG: list[dict[str, Any]] = [
    {"question": []},
    {"question": [[{"role": "user"}]]},
    {"function": []},
    {"function": [{"name": "f"}]},
    {"function": [FUNCTION | {"parameters": {"type": ["dict"]}}]},
    {"function": [FUNCTION | {"parameters": {"properties": {}}}]},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_case_of_another_form_is_refused_before_anything_is_asked(
    folder: Path, wrong: dict[str, Any]
) -> None:
    file = folder / "cases" / "BFCL_v4_irrelevance.json"
    write(file, case(0, "irrelevance", "Who wrote Emma?") | wrong)
    with pytest.raises(ConfigurationError, match="are not BFCL's"):
        ToolNeed(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"simple_python.json cannot be read: No such"):
        ToolNeed(tmp_path)


@pytest.mark.slow
async def test_all_of_bfcls_cases_can_be_solved_and_not_by_doing_nothing() -> None:
    if not (DATA / "tool_need").is_dir():
        pytest.skip(f"no BFCL cases in {DATA / 'tool_need'}: set LEAN_AGENT_TEST_DATA")
    suite = ToolNeed(DATA / "tool_need")
    assert isinstance(suite, Suite)
    assert await check_suite(suite) == []
    kinds = {"simple_python": 0, "irrelevance": 0}
    for split in ("dev", "test"):
        for task in suite.tasks(split):
            kinds[task.kind] += 1
            assert split_of(task.question) == split
            with suite.open(task) as episode:
                spec = episode.tools[0].spec
            jsonschema.Draft202012Validator.check_schema(spec.parameters)
            for _, arguments in suite.solution(task).calls:
                jsonschema.validate(arguments, spec.parameters)
    # Of 400 and 240, three ask what another does.
    assert sum(kinds.values()) == 637
    assert min(kinds.values()) > 200
