from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.outcomes import result
from support.planning import planning_data

from lean_agent import Agent, ConfigurationError, Ledger
from lean_agent.models.scripted import ScriptedModel
from lean_agent_evals.check import check_suite
from lean_agent_evals.registry import open_suite
from lean_agent_evals.suites.planning import Planning
from lean_agent_evals.task import Score, Task
from lean_agent_planners.library import domain_names, load_domain

TOWERS = load_domain("blocksworld").solved


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two games of 24, one of them twice, and two problems of BlocksWorld."""
    (tmp_path / "game24").mkdir()
    lines = ["Rank,Puzzles", "1,4 6 8 10", "2,3 3 8 8", "3,4 6 8 10"]
    (tmp_path / "game24" / "24.csv").write_text("\n".join(lines))
    places = tmp_path / "blocksworld" / "instances"
    places.mkdir(parents=True)
    (places / "one.pddl").write_text(TOWERS)
    (places / "two.pddl").write_text(TOWERS.replace("(on a b) (on b c)", "(on c b)"))
    return tmp_path


def all_tasks(suite: Planning) -> dict[str, Task]:
    return {task.id: task for task in [*suite.tasks("dev"), *suite.tasks("test")]}


def scored(suite: Planning, task: Task, answer: str) -> Score:
    with suite.open(task) as episode:
        return episode.score(result(answer))


async def test_each_task_can_be_solved_and_not_by_saying_nothing(data: Path) -> None:
    suite = open_suite(f"planning:{data}")
    assert suite.name == "planning"
    assert await check_suite(suite) == []


def test_a_folder_of_a_domains_name_is_that_domain_alone(data: Path) -> None:
    suite = Planning(data / "game24")
    assert suite.name == "planning-game24"
    assert all_tasks(suite).keys() == {"game24-1", "game24-2"}  # the third is the first again
    assert all_tasks(Planning(data)).keys() == {
        *("game24-1", "game24-2", "blocksworld-one", "blocksworld-two")
    }


def test_the_answer_is_judged_by_the_domain(data: Path) -> None:
    suite = Planning(data)
    tasks = all_tasks(suite)
    game = tasks["game24-1"]
    assert scored(suite, game, "Answer: 8 + 4 * (10 - 6)") == Score(value=1, passed=True)
    wrong = scored(suite, game, "4 + 6 + 8 + 10 = 24")
    assert (wrong.value, wrong.passed) == (0, False)
    assert wrong.detail == "'4 + 6 + 8 + 10' is 28, not 24"
    towers = tasks["blocksworld-two"]
    assert scored(suite, towers, "(unstack c a), (stack c b)").passed
    assert "step 1" in scored(suite, towers, "(stack c b)").detail


def test_every_mode_is_given_the_same_question_and_tools(data: Path) -> None:
    suite = Planning(data)
    game = all_tasks(suite)["game24-2"]
    assert game.question.startswith("Use the numbers 3, 3, 8 and 8 to make 24.")
    with suite.open(game) as episode:
        assert [tool.spec.name for tool in episode.tools] == ["calculator", "python"]


async def test_plan_mode_recognises_the_words_and_asks_no_model(data: Path) -> None:
    suite = Planning(data)
    model = ScriptedModel([])
    async with Agent(model=model, mode="plan", ledger=Ledger(data / "ledger")) as agent:
        for task in all_tasks(suite).values():
            with suite.open(task) as episode:
                run = await agent.run(task.question)
                assert episode.score(run).passed, run.output
            assert (run.mode, run.usage.total_tokens) == ("plan", 0)
    assert model.requests == []


def test_a_level_is_drawn_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "sokoban"
    folder.mkdir()
    right = "".join(
        f"(MOVE-DIR pos-{x}-2 pos-{x + 1}-2 dir-right) (MOVE-DIR pos-{x + 1}-2 pos-{x}-2 dir-left)"
        for x in (2, 3)
    )
    (folder / "one.pddl").write_text(
        "(define (problem one) (:domain sokoban-sequential) (:init (IS-GOAL pos-4-2) "
        f"(at player-1 pos-2-2) (at stone-1 pos-3-2) (at wall pos-5-3) {right} pos-1-1 pos-5-3))"
    )
    (task,) = all_tasks(Planning(folder)).values()
    assert task.data["instance"] == "#####\n#@$.#\n#####"
    assert f"\n{task.data['instance']}\n" in task.question
    assert scored(Planning(folder), task, "Answer: r").passed


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "game24", tmp_path / "nowhere"):
        with pytest.raises(ConfigurationError, match="holds no domain's data"):
            Planning(folder)


@pytest.mark.parametrize("name", domain_names())
def test_each_domain_of_the_data_has_both_splits_and_no_question_twice(name: str) -> None:
    suite = Planning(planning_data(name))
    dev, test = suite.tasks("dev"), suite.tasks("test")
    assert dev
    assert test
    questions = [task.question for task in [*dev, *test]]
    assert len(set(questions)) == len(questions)
    json.dumps([task.data for task in dev])
