"""Examples are chosen for a task, within their tokens, and stand in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import ANSWER, SEARCH, agent, searching, starts_with_the_previous
from support.trajectories import acted, answered, trajectory

from lean_agent import Ledger
from lean_agent._paths import trajectories_file
from lean_agent.trajectory.estimating import text_tokens
from lean_agent.trajectory.exemplars import Exemplars
from lean_agent.trajectory.files import write_trajectories
from lean_agent.trajectory.judging import judge
from lean_agent.trajectory.record import Trajectory
from lean_agent.trajectory.recording import Recorder

TASK = "At how many degrees does gallium melt?"
KEY = "sk-proj-abcdefghijklmnop1234567890"


def solved(name: str, question: str, looks: int = 3, **more: Any) -> Trajectory:
    steps = [acted(turn, f"{name} {turn}", "It is warm.") for turn in range(looks)]
    return trajectory(
        [*steps, answered(looks, "29.8")], id=name, question=question, **{"reward": 1.0} | more
    )


def failed(name: str, question: str) -> Trajectory:
    return solved(name, question, passed=False, reward=0.0)


def ids(subject: Exemplars, task: str = TASK) -> list[str]:
    return [example.id for example in subject.choose(task)]


def test_similar_and_cheap_ones_are_chosen() -> None:
    pool = [
        solved("near", "At how many degrees does iron melt?"),
        solved("dear", "At how many degrees does tin melt?", looks=5),
        solved("far", "Who wrote the melting pot?"),
        failed("lost", "At how many degrees does lead melt?"),
        solved("other", "When does the last bus leave?"),
    ]
    assert ids(Exemplars(pool, most=1)) == ["near"]
    assert ids(Exemplars(reversed(pool), most=2)) == ["dear", "near"]
    assert ids(Exemplars(pool), "Is anybody there?") == []


def test_none_where_such_tasks_were_easy_and_more_where_they_were_hard() -> None:
    metals = ["iron", "tin", "lead", "zinc", "gold"]
    questions = [f"At how many degrees does {metal} melt?" for metal in metals]

    def chosen(easy: int) -> int:
        pool = [
            solved(str(n), question, looks=1 if n < easy else 3)
            for n, question in enumerate(questions)
        ]
        return len(ids(Exemplars(pool, most=4, tokens=10_000)))

    assert [chosen(easy) for easy in (0, 2, 4, 5)] == [4, 2, 1, 0]


def test_failures_make_a_task_hard_and_are_no_examples() -> None:
    pool = [
        solved("good", "At how many degrees does iron melt?", looks=1),
        *(failed(str(n), f"At how many degrees does metal {n} melt?") for n in range(4)),
    ]
    assert ids(Exemplars(pool)) == ["good"]


@pytest.mark.parametrize("tokens", [0, 30, 60, 120, 1_000])
async def test_they_keep_to_their_tokens(tokens: int) -> None:
    pool = [
        solved(str(n), f"At how many degrees does metal {n} melt?", looks=2 + n) for n in range(4)
    ]
    subject = Exemplars(pool, tokens=tokens, most=4)
    text = await subject.told(TASK)
    assert text_tokens(text) <= max(tokens, 0)
    assert (text == "") == (not subject.choose(TASK))
    assert text == await Exemplars(reversed(pool), tokens=tokens, most=4).told(TASK)


def test_what_nobody_judged_is_no_example() -> None:
    unjudged = solved("a", "At how many degrees does iron melt?", passed=None, reward=None)
    assert ids(Exemplars([unjudged])) == []


def test_one_question_is_one_example() -> None:
    question = "At how many degrees does iron melt?"
    assert len(ids(Exemplars([solved("a", question), solved("b", question)]))) == 1


async def test_secrets_are_not_told_and_long_results_are_cut() -> None:
    found = solved("a", "At how many degrees does iron melt?")
    long = found.steps[0].model_copy(update={"observation": f"{KEY} {'x' * 2_000}"})
    steps = [long, *found.steps[1:]]
    text = await Exemplars([found.model_copy(update={"steps": steps})]).told(TASK)
    assert KEY not in text
    assert "xxx..." in text
    assert len(text) < 1_500


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    path = tmp_path / "pool.jsonl"
    write_trajectories(path, [solved("iron", "At how many degrees does iron melt?")])
    return path


async def test_an_agent_reads_them_after_its_tools_and_before_its_task(
    pool: Path, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    script = [SEARCH, ANSWER, "29.8 degrees"]
    plain, bare = agent(script, ledger, tools=[searching()])
    await plain.run(TASK, mode="agent")
    subject, model = agent(script, ledger, tools=[searching()], exemplars=Exemplars.read(pool))
    result = await subject.run(TASK, mode="agent")
    assert result.output == "29.8 degrees"
    tools = bare.requests[0].messages[1].content.removesuffix(f"\n\nQuestion: {TASK}")
    opening = model.requests[0].messages[1].content
    assert opening.startswith(f"{tools}\n\nSolved examples")
    assert opening.endswith(f"Answer: 29.8\n\nQuestion: {TASK}")
    assert model.requests[0].messages[0] == bare.requests[0].messages[0]
    assert starts_with_the_previous(model.requests)


async def test_other_modes_read_none(pool: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for mode in ("instant", "reason"):
        subject, model = agent(["Answer: 29.8"], ledger, exemplars=Exemplars.read(pool))
        await subject.run(TASK, mode=mode)
        assert not any("Solved examples" in m.content for m in model.requests[0].messages)


async def test_own_runs_are_examples_once_a_person_called_them_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert ids(Exemplars.of_user()) == [], "nothing is recorded"
    recorder, ledger = Recorder(path=trajectories_file()), Ledger(tmp_path / "ledger")
    runs: list[str] = []
    for metal in ("iron", "tin"):
        subject, _ = agent(
            [SEARCH, SEARCH, SEARCH, ANSWER, "29.8"],
            ledger,
            tools=[searching()],
            record=recorder,
        )
        done = await subject.run(f"At how many degrees does {metal} melt?", mode="agent")
        runs.append(done.run_id)
    assert ids(Exemplars.of_user()) == [], "nobody has judged them"
    good, bad = runs
    judge(good, True, recorder=recorder)
    judge(bad, False, recorder=recorder)
    assert ids(Exemplars.of_user()) == [good]
    judge(good, False, recorder=recorder)
    assert ids(Exemplars.of_user()) == []
