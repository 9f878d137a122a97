from __future__ import annotations

import inspect

import pytest

from lean_agent.models.scripted import ScriptedModel
from lean_agent_planners.domains.game24 import planner
from lean_agent_planners.library import StoredPlanner, load_domain
from lean_agent_planners.solving import solve
from lean_agent_planners.thought_of_search.checking import first_complaint
from lean_agent_planners.thought_of_search.learning import learn
from lean_agent_planners.thought_of_search.prompts import function_of

GAME24 = load_domain("game24")
SUCCESSORS = inspect.getsource(planner.successors)
IS_GOAL = inspect.getsource(planner.is_goal)
NEVER = "def is_goal(state):\n    return False\n"
ANY_24 = "def is_goal(state):\n    return 24 in state\n"


def block(code: str) -> str:
    return f"Here it is:\n```python\n{code}\n```\nDone."


async def test_functions_that_pass_at_once_cost_two_calls() -> None:
    model = ScriptedModel([block(SUCCESSORS), block(IS_GOAL)])
    learned = await learn(GAME24, model.generate)
    assert (learned.calls, learned.attempts, learned.failed) == (2, 1, ())
    assert learned.code is not None
    stored = StoredPlanner(domain="game24", fingerprint="", code=learned.code)
    assert (await solve(GAME24, stored, "3 3 8 8")).status == "solved"
    assert learned.usage.total_tokens > 100
    assert [request.temperature for request in model.requests] == [0.0, 0.0]
    assert "successors([6, 4]) == " in model.requests[0].messages[-1].content


async def test_what_is_wrong_is_said_with_the_last_attempt_and_no_more() -> None:
    model = ScriptedModel([block(SUCCESSORS), block(NEVER), block(ANY_24), block(IS_GOAL)])
    learned = await learn(GAME24, model.generate)
    assert learned.code is not None
    assert learned.calls == 4
    assert learned.failed[0] == "call 2: is_goal: is_goal([24]) gives False, but it must give True."
    second = [message.content for message in model.requests[3].messages]
    assert len(second) == 4
    assert ANY_24.strip() in second[2]
    assert "is_goal([24, 1]) gives True, but it must give False." in second[3]


async def test_the_same_again_begins_anew_warmer_with_the_next_seed() -> None:
    first = [block(SUCCESSORS), block(NEVER), block(NEVER)]
    model = ScriptedModel([*first, block(SUCCESSORS), block(IS_GOAL)])
    learned = await learn(GAME24, model.generate, seed=7)
    assert (learned.calls, learned.attempts) == (5, 2)
    assert [request.temperature for request in model.requests] == [0.0] * 3 + [0.8] * 2
    assert [request.seed for request in model.requests] == [7, 7, 7, 8, 8]


async def test_a_model_that_talks_nonsense_ends_with_its_calls() -> None:
    model = ScriptedModel(["I cannot do that."] * 5)
    learned = await learn(GAME24, model.generate, calls=5)
    assert (learned.code, learned.calls, learned.attempts) == (None, 5, 5)
    assert learned.failed[0] == "call 1: successors: no code block defines it"


def with_successors(body: str) -> str:
    return f"def successors(state):\n{body}\n\n\n{IS_GOAL}"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    while True: pass", "fails: TimeoutError"),
        ("    return [0] * 10**10", "fails: MemoryError"),
        ("    state.pop()\n    return []", "the state it was given has been changed"),
        ("    return 7", "it gave a value of type int, not a list of states"),
        ("    return [[99]] if len(state) > 1 else []", "it must not have [99]"),
        ("    return []", "it lacks [10], [2], [-2] and 3 more"),
        ("    return [[1, 2, 3]]", "a step must leave exactly one number fewer"),
        ("    return [None]", "does not have the form of a state"),
        ("    return open('/etc/passwd').read()", "fails: "),
        ("    import socket\n    return [socket.gethostname()]", "fails: "),
        ("    import os\n    return [os.environ]", "fails: "),
        ("    raise SystemExit", "fails: "),
        ("    return undefined", "NameError"),
    ],
)
async def test_what_generated_code_does_wrong_is_said_in_a_line(body: str, said: str) -> None:
    complaint = await first_complaint(with_successors(body), GAME24)
    assert complaint is not None
    assert complaint.function == "successors"
    assert said in complaint.text
    assert "\n" not in complaint.text


async def test_a_goal_that_is_none_is_found_by_the_instance_without_a_plan() -> None:
    # Passes the tests of goals, and takes 2 for a goal.
    goal = "def is_goal(state):\n    return len(state) == 1 and state[0] in (24, 2)\n"
    complaint = await first_complaint(f"{SUCCESSORS}\n\n{goal}", GAME24)
    assert complaint is not None


async def test_the_shipped_planners_have_nothing_wrong_with_them() -> None:
    assert await first_complaint(f"{SUCCESSORS}\n\n{IS_GOAL}", GAME24) is None


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (block("def is_goal(state):\n    return True"), "def is_goal(state):\n    return True"),
        ("def is_goal(s):\n    return 1", "def is_goal(s):\n    return 1"),
        ("```\nx = 1\n```\n```py\ndef is_goal(s): return 1\n```", "def is_goal(s): return 1"),
        ("```python\ndef is_goal(s):\n    return 1", "def is_goal(s):\n    return 1"),
        ("```python\ndef other(s):\n    return 1\n```", None),
        ("no code at all", None),
    ],
)
def test_the_function_in_a_reply(reply: str, found: str | None) -> None:
    assert function_of(reply, "is_goal") == found
