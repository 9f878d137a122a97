from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.outcomes import result

from lean_agent import ConfigurationError, RunContext, tool
from lean_agent_evals.check import check_suite
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.jsonl import JsonLines
from lean_agent_evals.task import Task


def suite_of(folder: Path, *lines: dict[str, Any], **given: Any) -> JsonLines:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(line) + "\n\n" for line in lines))
    return JsonLines(path, **given)


def only(suite: JsonLines) -> Task:
    (task,) = [*suite.tasks("dev"), *suite.tasks("test")]
    return task


@pytest.mark.parametrize("text", ["", "\n\n", "[]"])
def test_a_file_without_questions_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"mine\.jsonl has no tasks"):
        JsonLines(path)


async def test_questions_are_scored_as_gaia_does(tmp_path: Path) -> None:
    suite = suite_of(
        tmp_path,
        {"question": "Capital of France?", "answer": "Paris"},
        {"question": "6 x 7?", "answer": 42, "id": "sum", "level": 2},
        {"question": "A primary colour?", "answer": ["red", "blue"]},
    )
    assert isinstance(suite, Suite)
    assert suite.name == "mine"
    assert await check_suite(suite) == []
    tasks = {task.question: task for split in ("dev", "test") for task in suite.tasks(split)}
    assert tasks["6 x 7?"].id == "sum"
    assert tasks["6 x 7?"].level == 2
    assert tasks["6 x 7?"].answers == ("42",)
    for question, answer, passed in (
        ("Capital of France?", "paris.", True),
        ("6 x 7?", "$42.0", True),
        ("6 x 7?", "forty-two", False),
        ("A primary colour?", "Blue", True),
        ("A primary colour?", "green", False),
    ):
        with suite.open(tasks[question]) as episode:
            assert episode.score(result(answer)).passed is passed


async def test_an_attempt_gets_copies_of_its_files_and_nothing_beside_them(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    original = tmp_path / "data" / "prices.csv"
    original.write_text("item,price\nlamp,30\n")
    line = {"question": "Price of a lamp?", "answer": 30, "files": ["data/prices.csv"]}
    suite = suite_of(tmp_path, line)
    task = only(suite)
    assert task.question == "Price of a lamp?\n\nFile: prices.csv"
    with suite.open(task) as episode:
        tools = {tool.spec.name: tool for tool in episode.tools}
        context = RunContext(roots=tuple(episode.roots))
        assert "lamp,30" in await tools["read_file"].call({"path": "prices.csv"}, context)
        listed = await tools["list_files"].call({}, context)
        assert "prices.csv" in listed
        assert "mine.jsonl" not in listed
        (folder,) = episode.roots
        (folder / "prices.csv").write_text("spoilt")
    assert not folder.exists()
    assert original.read_text() == "item,price\nlamp,30\n"


def test_without_files_there_are_no_file_tools_and_the_users_own_come_along(tmp_path: Path) -> None:
    @tool
    def web(query: str) -> str:
        """Search the web."""
        return query

    suite = suite_of(tmp_path, {"question": "q", "answer": "a"}, tools=[web])
    with suite.open(only(suite)) as episode:
        assert [tool.spec.name for tool in episode.tools] == ["calculator", "python", "web"]
        assert episode.roots == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"question": "q"}, "line 1: answer"),
        ({"question": "q", "answer": " "}, "line 1: answer"),
        ({"question": "q", "answer": []}, "line 1: answer"),
        ({"question": "", "answer": "a"}, "line 1: question"),
        ({"question": "q", "answer": "a", "file": "x"}, "line 1: file: Extra inputs"),
        ({"question": "q", "answer": "a", "files": ["none.csv"]}, "there is no file none.csv in"),
        ({"question": "q", "answer": "a", "files": ["../secret"]}, r"there is no file \.\./secret"),
        ({"question": "q", "answer": "a", "files": ["/etc/hosts"]}, "there is no file /etc/hosts"),
    ],
)
def test_a_bad_line_is_refused(tmp_path: Path, line: dict[str, Any], message: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret").write_text("mine")
    with pytest.raises(ConfigurationError, match=message):
        suite_of(tmp_path / "inner", line)


def test_the_same_question_or_file_name_twice_is_refused(tmp_path: Path) -> None:
    line = {"question": "q", "answer": "a"}
    with pytest.raises(ConfigurationError, match="two questions have the id"):
        suite_of(tmp_path, line, line)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="two of its files have one name"):
        suite_of(tmp_path, line | {"files": ["a/x.txt", "b/x.txt"]})
