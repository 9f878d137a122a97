from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from support.cli import in_process
from support.fake_openai import FakeOpenAI, Reply

from lean_agent_planners.domains.crosswords import planner as crosswords
from lean_agent_planners.library import load_domain


def test_an_instance_is_solved_from_text_and_from_a_file(tmp_path: Path) -> None:
    said = in_process("plan", "solve", "game24", "3 3 8 8", folder=tmp_path)
    assert (said.code, said.out) == (0, "8 / (3 - (8 / 3))\n")
    file = tmp_path / "game.txt"
    file.write_text("3 3 8 8\n", encoding="utf-8")
    assert in_process("plan", "solve", "game24", str(file), folder=tmp_path).out == said.out


def test_json_tells_status_plan_usage_expansions_and_seconds(tmp_path: Path) -> None:
    told = in_process("plan", "solve", "game24", "4 6", "--json", folder=tmp_path).json
    assert told["status"] == "solved"
    assert told["plan"]["states"] == [[4, 6], [24]]
    assert told["usage"]["cost"] == "0"
    assert 1 <= told["expansions"] <= 6
    assert told["seconds"] > 0
    none = in_process("plan", "solve", "game24", "1 1", "--json", folder=tmp_path)
    assert (none.code, none.json["status"], none.json["plan"]) == (0, "unsolvable", None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("solve", "game24", "four"),
        ("solve", "chess", "e4"),
        ("solve", "blocksworld", "(define"),
        ("solve", "game24", ""),
        ("bench", "game24", "--data", "/nowhere"),
        ("bench", "blocksworld", "--data", "/nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = in_process("plan", *arguments, folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["error", "hint"]


def test_bench_counts_what_is_solved_and_names_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "24.csv").write_text("Rank,Puzzles\n1,4 6\n2,1 1\n", encoding="utf-8")
    arguments = ("plan", "bench", "game24", "--data", str(tmp_path), "--json")
    ended = in_process(*arguments, folder=tmp_path)
    assert ended.code == 1
    assert (ended.json["instances"], ended.json["solved and validated"]) == (2, 1)
    assert [one["instance"] for one in ended.json["failures"]] == ["2"]


def test_list_says_who_made_each_planner(tmp_path: Path) -> None:
    rows = in_process("plan", "list", "--json", folder=tmp_path).json
    assert {row["planner"] for row in rows} == {"hand-written reference"}
    learned = {row["domain"]: row["learned"] for row in rows}
    assert learned["game24"].startswith("learned by local:qwen2.5-coder-1.5b: ")
    assert learned["sokoban"] == "-"


# Both functions and their helper: whichever is asked for is there.
WRITTEN = Reply(
    text="```python\n"
    + inspect.getsource(crosswords).replace("from __future__ import annotations", "")
    + "```"
)


@pytest.mark.slow
def test_what_a_model_wrote_and_passed_is_kept_and_solves(tmp_path: Path) -> None:
    asked = ("--model", "fake:writer", "--calls", "2", "--json")
    solve = ("plan", "solve", "crosswords", load_domain("crosswords").solved, "--learned", "--json")
    none = in_process(*solve, folder=tmp_path)
    assert (none.code, "plan learn crosswords" in none.err) == (2, True)
    with FakeOpenAI() as server:
        learn = ("plan", "learn", "crosswords", *asked, "--base-url", server.url)
        server.say(Reply(text="I would rather not."), Reply(text="No."))
        failed = in_process(*learn, folder=tmp_path)
        assert (failed.code, failed.json["learned"], failed.json["calls"]) == (1, False, 2)
        assert in_process(*solve, folder=tmp_path).code == 2
        server.say(WRITTEN, WRITTEN)
        learned = in_process(*learn, folder=tmp_path)
    assert (learned.code, learned.json["learned"], learned.json["calls"]) == (0, True, 2)
    assert learned.json["tokens"] > 0
    solved = in_process(*solve, folder=tmp_path)
    assert (solved.code, solved.json["status"]) == (0, "solved")
    assert solved.json["planner"].startswith("learned by fake:writer: 2 calls, ")
    rows = in_process("ledger", "summary", "--by", "purpose", "--json", folder=tmp_path).json
    assert [row["calls"] for row in rows if row["purpose"] == "plan"] == [4]


def test_a_larger_model_goes_on_under_what_is_left_of_the_budget(tmp_path: Path) -> None:
    models = ("--model", "fake:small", "--model", "fake:large", "--calls", "2", "--json")
    with FakeOpenAI() as server:
        learn = ("plan", "learn", "crosswords", *models, "--base-url", server.url)
        server.say(Reply(text="I would rather not."), Reply(text="No."))
        server.say(WRITTEN, WRITTEN)
        learned = in_process(*learn, folder=tmp_path)
        assert (learned.code, learned.json["calls"]) == (0, 4)
        assert learned.json["model"] == "fake:small, fake:large"
        server.say(Reply(text="I would rather not."), Reply(text="No."))
        spent = str(learned.json["tokens"] // 2)
        short = in_process(*learn, "--max-tokens", spent, folder=tmp_path)
    assert short.code == 3, short.err
    rows = in_process("ledger", "summary", "--by", "model", "--json", folder=tmp_path).json
    assert {row["model"]: row["calls"] for row in rows}["fake:large"] == 2


@pytest.mark.slow
def test_what_failed_on_the_way_is_part_of_what_it_took(tmp_path: Path) -> None:
    asked = ("--model", "fake:writer", "--json")
    with FakeOpenAI() as server:
        learn = ("plan", "learn", "crosswords", *asked, "--base-url", server.url)
        server.say(Reply(text="words that are lost " * 20, fault="cut"), WRITTEN, WRITTEN)
        learned = in_process(*learn, folder=tmp_path)
    assert (learned.code, learned.json["calls"]) == (0, 2)
    (row,) = in_process("ledger", "summary", "--by", "purpose", "--json", folder=tmp_path).json
    assert row["calls"] == 3
    assert learned.json["tokens"] == row["input_tokens"] + row["output_tokens"]
