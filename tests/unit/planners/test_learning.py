from __future__ import annotations

import inspect
from importlib.abc import Traversable
from importlib.resources import files

import pytest

from lean_agent.models.scripted import ScriptedModel
from lean_agent_planners import domains
from lean_agent_planners.domains.game24 import planner
from lean_agent_planners.domains.prontoqa import planner as prontoqa
from lean_agent_planners.library import (
    StoredPlanner,
    load_domain,
    shipped_learned,
    stored_planner,
)
from lean_agent_planners.search import tried
from lean_agent_planners.solving import solve
from lean_agent_planners.thought_of_search.checking import first_complaint
from lean_agent_planners.thought_of_search.learning import learn
from lean_agent_planners.thought_of_search.prompts import function_of

GAME24 = load_domain("game24")
PRONTOQA = load_domain("prontoqa")
SUCCESSORS = inspect.getsource(planner.successors)
IS_GOAL = inspect.getsource(planner.is_goal)
KNOWN = inspect.getsource(prontoqa.is_goal)
RULES = inspect.getsource(prontoqa.successors)
NEVER = "def is_goal(state, static):\n    return False\n"
FIRST = "def is_goal(state, static):\n    return static['goals'][0] in state\n"


def block(code: str) -> str:
    return f"Here it is:\n```python\n{code}\n```\nDone."


def kind(name: str, results: str) -> str:
    return f"""\
def {name}(state):
    found = []
    for j in range(len(state)):
        for i in range(j):
            a, b = state[i], state[j]
            rest = state[:i] + state[i + 1:j] + state[j + 1:]
            found += [rest + [one] for one in ({results})]
    return found"""


KINDS = [
    kind("add", "[a + b]"),
    kind("subtract", "[a - b, b - a]"),
    kind("multiply", "[a * b]"),
    kind("divide", "[a / b] if b else []"),
    kind("divide_back", "[b / a] if a else []"),
]


async def test_functions_that_pass_at_once_cost_a_call_each() -> None:
    model = ScriptedModel([block(KNOWN), block(RULES)])
    learned = await learn(PRONTOQA, model.generate)
    assert (learned.calls, learned.failed) == (2, ())
    assert learned.code is not None
    stored = StoredPlanner(domain="prontoqa", fingerprint="", code=learned.code)
    assert (await solve(PRONTOQA, stored, PRONTOQA.solved)).answer == "False"
    assert "successors(['small'], " in model.requests[1].messages[-1].content


async def test_kinds_of_step_are_learned_one_by_one_and_joined() -> None:
    model = ScriptedModel([block(code) for code in (IS_GOAL, *KINDS)])
    learned = await learn(GAME24, model.generate)
    assert (learned.calls, learned.failed) == (6, ())
    assert learned.code is not None
    stored = StoredPlanner(domain="game24", fingerprint="", code=learned.code)
    assert (await solve(GAME24, stored, "3 3 8 8")).status == "solved"
    # What the model wrote for one kind is the example for the next; before, one of no domain.
    assert "capitals" in model.requests[1].messages[2].content
    assert KINDS[0] in model.requests[2].messages[2].content


@pytest.mark.parametrize("name", ["blocksworld", "game24"])
async def test_the_tests_of_each_kind_of_step_hold_of_the_reference_planner(name: str) -> None:
    domain = load_domain(name)
    tests = [test for kind in domain.actions for test in kind.tests]
    code = stored_planner(domain).code
    static = domain.successor_tests[0].static  # which no step of these two depends on
    all_after = await tried(code, [("successors", test.state, static) for test in tests])
    given: dict[str, set[str]] = {}
    kinds: dict[str, set[str]] = {}
    for test, after in zip(tests, all_after, strict=True):
        state = domain.canonical(test.state)
        given[state] = {domain.canonical(one) for one in after["value"]}
        kinds.setdefault(state, set()).update(domain.canonical(one) for one in test.successors)
    assert all(kinds[state] <= given[state] for state in given)
    # At some state every kind is tested, and there they give all that follows.
    assert any(kinds[state] == given[state] and given[state] for state in given)


async def test_the_best_writing_is_mended_with_what_is_wrong_and_no_more() -> None:
    model = ScriptedModel([block(FIRST), block(NEVER), block(KNOWN), block(RULES)])
    learned = await learn(PRONTOQA, model.generate)
    assert learned.code is not None
    assert learned.calls == 4
    assert learned.failed[0].startswith("call 1: is_goal: is_goal(['insect', 'small'], ")
    assert learned.failed[0].endswith(" gives False, but it must give True.")
    assert model.requests[1].messages == model.requests[0].messages
    third = [message.content for message in model.requests[2].messages]
    assert len(third) == 6
    assert FIRST.strip() in third[4]
    assert "gives False, but it must give True." in third[5]


async def test_the_same_again_makes_the_next_call_warmer() -> None:
    model = ScriptedModel([block(NEVER), block(NEVER), block(KNOWN), block(RULES)])
    learned = await learn(PRONTOQA, model.generate, seed=7)
    assert learned.failed[1] == "call 2: is_goal: it is the same again"
    temperatures = [request.temperature for request in model.requests]
    assert temperatures == pytest.approx([0.7, 0.7, 0.8, 0.7])
    assert [request.seed for request in model.requests] == [7000, 7001, 7002, 7003]


async def test_the_larger_model_goes_on_from_what_the_smaller_has_written() -> None:
    small = ScriptedModel([block(KNOWN), "I cannot do that."])
    large = ScriptedModel([block(RULES)])
    learned = await learn(PRONTOQA, small.generate, large.generate, calls=2)
    assert learned.code is not None
    assert (learned.calls, learned.writer) == (3, 1)


async def test_what_passes_at_the_last_call_counts() -> None:
    model = ScriptedModel([block(KNOWN), block(RULES)])
    assert (await learn(PRONTOQA, model.generate, calls=2)).code is not None


async def test_a_model_that_talks_nonsense_ends_with_its_calls() -> None:
    model = ScriptedModel(["I cannot do that."] * 5)
    learned = await learn(GAME24, model.generate, calls=5)
    assert (learned.code, learned.calls) == (None, 5)
    assert learned.failed[0] == "call 1: is_goal: no code block defines it"


async def test_functions_that_pass_alone_and_fail_a_search_are_mended() -> None:
    # No test of goals has a state of four words.
    loose = KNOWN.replace("return any(", "return len(state) == 4 or any(")
    model = ScriptedModel([block(loose), block(RULES), block(KNOWN)])
    learned = await learn(PRONTOQA, model.generate)
    assert learned.code is not None
    assert learned.calls == 3
    assert learned.failed[0].startswith("call 2: is_goal: is_goal(['arthropod', ")


def with_successors(body: str) -> str:
    return f"def successors(state):\n{body}\n\n\n{IS_GOAL}"


@pytest.mark.slow
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
        ("    return successors(state)", "RecursionError"),
        ("    return [state] * 10**7", "fails: "),
        ("    return 'x' * 10**10", "fails: "),
        ("    return [{1, 2}]", "a state must be plain JSON"),
        ("    return __import__('os').listdir('/')", "fails: "),
        ("    return [open('stolen', 'w').write('1')]", "fails: "),
        ("    import urllib.request\n    return [urllib.request.urlopen('http://x')]", "fails: "),
        ("    import subprocess\n    return [subprocess.run(['id'])]", "fails: "),
    ],
)
async def test_what_generated_code_does_wrong_is_said_in_a_line(body: str, said: str) -> None:
    complaint = await first_complaint(with_successors(body), GAME24)
    assert complaint is not None
    assert complaint.function == "successors"
    assert said in complaint.text
    assert "\n" not in complaint.text


@pytest.mark.parametrize(
    "folder", [one for one in files(domains).iterdir() if (one / "learned.json").is_file()], ids=str
)
async def test_a_shipped_learned_planner_is_for_the_contract_of_today(folder: Traversable) -> None:
    domain = load_domain(folder.name)
    shipped = shipped_learned(domain)
    assert shipped is not None, "the contract has changed: learn it again, or ship none"
    assert shipped.provenance.startswith("learned by local:")
    assert await first_complaint(shipped.code, domain) is None


@pytest.mark.parametrize(
    ("at_first", "said"),
    [
        ("while True: pass", "a function did not return within 1 s"),
        ("return [[0] * 10**10]", "MemoryError"),
        ("state.append(1)", "the state it was given has been changed"),
        ("return [len]", "a state must be plain JSON"),
        ("return []", "found no way to a goal"),
        ("return [[24]]", "found a wrong plan"),
    ],
)
@pytest.mark.slow
async def test_what_goes_wrong_in_the_search_alone_is_said_too(at_first: str, said: str) -> None:
    # Right wherever a test of successors looks; four numbers come in the search.
    body = SUCCESSORS.split('"""')[-1]
    code = with_successors(f"    if len(state) == 4:\n        {at_first}{body}")
    complaint = await first_complaint(code, GAME24)
    assert complaint is not None
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
