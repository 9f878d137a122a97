"""Tasks of no known domain: what a model writes runs in the sandbox, and is never called solved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.cli import in_process
from support.fake_openai import FakeOpenAI, Reply

from lean_agent import Agent, Ledger
from lean_agent.errors import LimitExceededError
from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.models.scripted import ScriptedModel
from lean_agent.usage import Usage
from lean_agent_evals.arms import arm_named
from lean_agent_planners.domain_planner import domain_planner
from lean_agent_planners.unknown_domains import prompts
from lean_agent_planners.unknown_domains.devising import devise
from lean_agent_planners.unknown_domains.writing import look_at

TASK = "A light is at 0. A step adds 4 or takes 3 away. Get it to 6."
GOOD = """
START = 0
def successors(state):
    return [("add 4", state + 4), ("take 3", state - 3)]
def is_goal(state):
    return state == 6
TESTS = [(6, True), (5, False)]
"""
IN_LISTS = """
START = {"light": 0}
def successors(state):
    return [("up", {"light": state["light"] + 4}), ("down", {"light": state["light"] - 3})]
def is_goal(state):
    return state["light"] == 6
TESTS = [({"light": 6}, True), ({"light": 1}, False)]
"""
WRONG = GOOD.replace("state + 4", "state + 2")
NONE = GOOD.replace("state + 4", "state % 2").replace("state - 3", "state % 3")


def fenced(code: str) -> str:
    return f"Here it is:\n```python\n{code}```"


class Asked:
    """Answers in turn; after ``room`` calls the budget has none left."""

    def __init__(self, replies: Sequence[str], room: int = 99) -> None:
        self.replies = list(replies)
        self.room = room
        self.requests: list[ModelRequest] = []

    async def __call__(self, request: ModelRequest) -> ModelResponse:
        if len(self.requests) >= self.room:
            raise LimitExceededError("tokens", 1, 0)
        self.requests.append(request)
        text = self.replies.pop(0)
        return ModelResponse(
            message=Message("assistant", text),
            usage=Usage(output_tokens=5),
            finish_reason="stop",
            model="fake",
        )


async def test_writings_that_agree_say_how_sure_it_is() -> None:
    ask = Asked([fenced(GOOD), fenced(IN_LISTS), fenced(WRONG)])
    devised = await devise(TASK, ask)
    assert devised.status == "unverified"
    assert (devised.agree, devised.writings, devised.calls) == (2, 3, 3)
    assert sorted(devised.answer.splitlines()) == ["add 4", "add 4", "add 4", "take 3", "take 3"]
    assert devised.evidence == (
        "2 of 3 independent writings of the problem agree on 5 steps; no validator has checked it"
    )
    assert devised.usage.output_tokens == 15
    assert [request.seed for request in ask.requests] == [0, 1, 2]
    assert [request.temperature for request in ask.requests] == [0.0, 0.8, 0.8]


async def test_that_there_is_no_solution_is_unverified_too() -> None:
    devised = await devise(TASK, Asked([fenced(NONE)] * 3))
    assert (devised.status, devised.agree, devised.plan) == ("unverified", 3, None)
    assert devised.answer == "There seems to be no solution."


async def test_what_fails_is_mended_with_its_fault_in_view() -> None:
    ask = Asked([fenced(GOOD.replace("== 6", "== 7")), fenced(GOOD)])
    devised = await devise(TASK, ask, writings=1)
    assert (devised.status, devised.agree, devised.calls) == ("unverified", 1, 2)
    assert "is_goal(6) gives False" in ask.requests[1].messages[-1].content


async def test_without_a_writing_that_works_nothing_is_known() -> None:
    devised = await devise(TASK, Asked(["I would rather not."] * 4))
    assert (devised.status, devised.answer) == ("unknown", "")
    assert (devised.writings, devised.calls) == (2, 4)
    assert "could not write this down" in devised.evidence


async def test_it_makes_no_more_calls_than_the_arm_of_the_evaluation_counts_on() -> None:
    devised = await devise(TASK, Asked(["no", fenced(GOOD), "no", "no", "no", "no"]))
    assert (devised.agree, devised.writings) == (1, 3)
    assert devised.calls == arm_named("plan").most_calls(1)


async def test_a_cap_ends_it_with_what_stands() -> None:
    devised = await devise(TASK, Asked([fenced(GOOD)], room=1))
    assert (devised.status, devised.agree, devised.writings) == ("unverified", 1, 1)
    with pytest.raises(LimitExceededError):
        await devise(TASK, Asked([], room=0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "START"),
        ("START = (", "SyntaxError"),
        ("while True:\n    pass", "TimeoutError"),
        (GOOD.replace("(5, False)", "(7, True)"), "both a goal and a state that is none"),
        (GOOD.replace("TESTS = [", "TESTS = [1, "), "TESTS must be a list"),
        (GOOD.replace("START = 0", "START = 6"), "is_goal(6) gives True, but it must give False"),
        (GOOD.replace("return state == 6", "return 1 / 0"), "ZeroDivisionError"),
        (GOOD.replace("return state == 6", "return False"), "is_goal(6) gives False"),
        (GOOD.replace("def successors", "def followers"), "no function successors"),
        (GOOD.replace("return [(", "return 3 or [("), "The search failed"),
        ("import os\nos.system('x')\n" + GOOD, "The code fails"),
        ("open('/etc/passwd').read()\n" + GOOD, "The code fails"),
    ],
)
async def test_code_that_misbehaves_is_one_line(code: str, said: str) -> None:
    writing = await look_at(code)
    assert said in writing.problem
    assert "\n" not in writing.problem
    assert writing.plan is None


def test_the_code_is_found_in_a_reply() -> None:
    assert prompts.code_in(fenced("a = 1\n")) == "a = 1\n"
    assert prompts.code_in("```\nx\n```\n```python\nlonger = 1\n```") == "longer = 1\n"
    assert prompts.code_in("```python\ncut = 1") == "cut = 1\n"
    assert prompts.code_in("bare = 1") == "bare = 1\n"


async def test_in_plan_mode_it_is_answered_with_a_warning(tmp_path: Path) -> None:
    model = ScriptedModel([fenced(GOOD)] * 3)
    subject = Agent(model=model, ledger=Ledger(tmp_path), mode="plan", planners=[domain_planner])
    result = await subject.run(TASK)
    assert (result.mode, result.exit_status) == ("plan", "completed")
    assert "add 4" in result.output
    assert result.notices == (
        "the answer may not do: 3 of 3 independent writings of the problem agree on 5 steps; "
        "no validator has checked it",
    )


def test_the_command_line_takes_a_task_in_words(tmp_path: Path) -> None:
    asked = ("plan", "solve", "--task", TASK, "--model", "fake:writer", "--json")
    with FakeOpenAI() as server:
        server.say(*[Reply(text=fenced(GOOD))] * 3)
        ended = in_process(*asked, "--base-url", server.url, folder=tmp_path)
    assert (ended.code, ended.json["status"]) == (1, "unverified")
    assert (ended.json["agree"], ended.json["writings"], ended.json["calls"]) == (3, 3, 3)
    assert len(ended.json["plan"]["actions"]) == 5
    assert ended.json["usage"]["output_tokens"] > 0
    rows = in_process("ledger", "summary", "--by", "purpose", "--json", folder=tmp_path).json
    assert [row["calls"] for row in rows if row["purpose"] == "plan"] == [3]


def test_what_a_model_names_a_step_commands_no_terminal(tmp_path: Path) -> None:
    code = GOOD.replace('"add 4"', '"add\\x1b]0;4\\x07"')
    asked = ("plan", "solve", "--task", TASK, "--model", "fake:writer")
    with FakeOpenAI() as server:
        server.say(*[Reply(text=fenced(code))] * 3)
        ended = in_process(*asked, "--base-url", server.url, folder=tmp_path)
    assert "add" in ended.out
    assert not any(sign in ended.out + ended.err for sign in "\x1b\x07")


def test_a_task_of_a_known_domain_costs_no_call(tmp_path: Path) -> None:
    known = in_process("plan", "solve", "--task", "Use 3 3 8 8 to make 24.", folder=tmp_path)
    assert (known.code, known.out) == (0, "8 / (3 - (8 / 3))\n")
    assert known.err == "note: a problem of the domain game24\n"


@pytest.mark.parametrize(
    "arguments", [(), ("game24",), ("game24", "4 6", "--task", "x"), ("--task", " ")]
)
def test_what_is_not_said_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    ended = in_process("plan", "solve", *arguments, folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
