from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.outcomes import result

from lean_agent import ConfigurationError, RunContext
from lean_agent_evals.check import check_suite
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.retrieval_qa import RetrievalQA
from lean_agent_evals.task import Score, Task
from lean_agent_tools.search import search_tool

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))

HOTPOT: dict[str, Any] = {
    "_id": "5a7",
    "question": "Who painted the Night Watch's city hall?",
    "answer": "Jan van Dijk",
    "type": "bridge",
    "level": "hard",
    "supporting_facts": [["Night Watch", 1], ["City hall", 0]],
    "context": [
        ["Night Watch", ["A painting.", " It hung in the city hall of Amsterdam."]],
        ["City hall", ["The city hall was painted by Jan van Dijk."]],
        ["Rembrandt", ["A painter from Leiden."]],
    ],
}
WIKI2 = HOTPOT | {
    "_id": "w2",
    "question": "Is it older?",
    "answer": "yes",
    "type": "comparison",
    "level": "",
    "evidences": [["a", "b", "c"]],
    "entity_ids": "Q1_Q2",
}
MUSIQUE: dict[str, Any] = {
    "id": "3hop1__1_2_3",
    "question": "Where was the founder's sister born?",
    "question_decomposition": [],
    "answer": "Leeds",
    "answer_aliases": ["the city of Leeds"],
    "answerable": True,
    "paragraphs": [
        {"idx": 0, "title": "Founder", "paragraph_text": "Her sister.", "is_supporting": True},
        {"idx": 1, "title": "Other", "paragraph_text": "Nothing.", "is_supporting": False},
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps([HOTPOT, WIKI2, MUSIQUE]))
    return path


def all_tasks(suite: RetrievalQA) -> dict[str, Task]:
    return {task.id: task for split in ("dev", "test") for task in suite.tasks(split)}


def scored(suite: RetrievalQA, task: Task, answer: str) -> Score:
    with suite.open(task) as episode:
        return episode.score(result(answer))


def test_three_formats_are_read(file: Path) -> None:
    suite = RetrievalQA(file)
    assert suite.name == "retrieval-qa-mixed"
    found = all_tasks(suite)
    assert {key: (task.level, task.kind) for key, task in found.items()} == {
        "5a7": (3, "bridge"),
        "w2": (0, "comparison"),
        "3hop1__1_2_3": (3, ""),
    }
    assert found["5a7"].entities == ("Night Watch", "City hall")
    assert found["3hop1__1_2_3"].entities == ("Founder",)
    assert found["3hop1__1_2_3"].answers == ("Leeds", "the city of Leeds")


def test_json_lines_are_read_and_what_cannot_be_answered_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "musique.jsonl"
    lines = [MUSIQUE, MUSIQUE | {"answerable": False}]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert list(all_tasks(RetrievalQA(path))) == ["3hop1__1_2_3"]


def test_the_score_is_f1_and_an_exact_match_passes(file: Path) -> None:
    suite = RetrievalQA(file)
    tasks = all_tasks(suite)
    assert scored(suite, tasks["5a7"], "jan van dijk!") == Score(value=1, passed=True)
    partly = scored(suite, tasks["5a7"], "Jan Steen")
    assert (partly.value, partly.passed) == (pytest.approx(2 * 0.5 / 3 / (0.5 + 1 / 3)), False)
    assert partly.detail == "F1 0.40; gold: Jan van Dijk"
    assert scored(suite, tasks["3hop1__1_2_3"], "City of Leeds").passed
    assert scored(suite, tasks["w2"], "no").value == 0


async def test_the_solution_finds_what_supports_the_answer(file: Path) -> None:
    suite = RetrievalQA(file)
    assert await check_suite(suite) == []
    task = all_tasks(suite)["5a7"]
    assert suite.solution(task).calls == (
        ("search", {"query": "Night Watch It hung in the city hall of Amsterdam."}),
        ("search", {"query": "City hall The city hall was painted by Jan van Dijk."}),
    )


async def test_all_questions_search_the_same_passages_and_no_answers(file: Path) -> None:
    suite = RetrievalQA(file)
    seen: list[str] = []
    for task in all_tasks(suite).values():
        with suite.open(task) as episode:
            (search,) = episode.tools
            assert episode.roots == ()
            seen.append(await search.call({"query": "painter Leiden"}, RunContext()))
    assert len(set(seen)) == 1
    assert "A painter from Leiden." in seen[0]
    with suite.open(all_tasks(suite)["w2"]) as episode:
        assert "No passage" in await episode.tools[0].call({"query": "Leeds"}, RunContext())


async def test_it_finds_what_a_folder_of_the_passages_does(file: Path, tmp_path: Path) -> None:
    """So that figures recorded over such a folder compare with those of today."""
    suite, folder = RetrievalQA(file), tmp_path / "folder"
    folder.mkdir()
    records = [*HOTPOT["context"], ["Founder", ["Her sister."]], ["Other", ["Nothing."]]]
    lines = [json.dumps({"title": t, "text": " ".join(map(str.strip, s))}) for t, s in records]
    (folder / "passages.jsonl").write_text("\n".join(lines))
    of_folder = search_tool(folder)
    with suite.open(all_tasks(suite)["w2"]) as episode:
        for query in ("city hall of Amsterdam", "painter from Leiden", "sister", "zebra"):
            found = await episode.tools[0].call({"query": query}, RunContext())
            assert found == await of_folder.call({"query": query}, RunContext())
            assert episode.tools[0].spec == of_folder.spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "is not JSON"),
        ('[{"_id": "a"}]', "record 1: question: Field required"),
        ('{"_id": "a", "question": "q", "answer": 1}', "line 1: answer: "),
        (
            '{"_id": "a", "question": "q", "answer": "b"}',
            "line 1: record: .*neither a context nor paragraphs",
        ),
    ],
)
def test_another_form_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        RetrievalQA(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none.json cannot be read: No such file"):
        RetrievalQA(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        RetrievalQA(tmp_path / "binary.json")


async def test_hotpotqa_can_be_solved_and_is_split_by_question() -> None:
    path = DATA / "hotpotqa_dev" / "questions.json"
    if not path.is_file():
        pytest.skip(f"no HotpotQA sample in {path.parent}: set LEAN_AGENT_TEST_DATA")
    suite = RetrievalQA(path)
    assert isinstance(suite, Suite)
    assert await check_suite(suite) == []
    dev, test = suite.tasks("dev"), suite.tasks("test")
    assert len(dev) + len(test) == 100
    assert min(len(dev), len(test)) >= 40
    assert [task.id for task in suite.tasks("dev", seed=1)] != [task.id for task in dev]
    assert suite.tasks("dev", count=7) == dev[:7]
    with pytest.raises(ConfigurationError, match=f"there are {len(dev)} tasks in this split"):
        suite.tasks("dev", count=100)
