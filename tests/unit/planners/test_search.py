from __future__ import annotations

import pytest

from lean_agent_planners.domain import Algorithm, Problem
from lean_agent_planners.search import Limits, search

ALL: tuple[Algorithm, ...] = ("bfs", "dfs", "astar", "idastar")

# From 1 to ``goal`` by doubling or adding one; 2 * goal bounds the space.
NUMBERS = """
def successors(state, goal):
    steps = [("double", [2 * state[0]]), ("add", [state[0] + 1])]
    return [step for step in steps if step[1][0] <= 2 * goal]
def is_goal(state, goal):
    return state[0] == goal
"""


@pytest.mark.parametrize("algorithm", ALL)
async def test_each_search_finds_a_plan_of_joined_steps(algorithm: Algorithm) -> None:
    found = await search(NUMBERS, Problem([1], 20), algorithm)
    assert (found.stop, found.problem) == ("goal", "")
    assert found.plan is not None
    states = [state[0] for state in found.plan.states]
    assert (states[0], states[-1]) == (1, 20)
    assert len(found.plan.actions) == len(states) - 1
    for before, action, after in zip(states, found.plan.actions, states[1:], strict=False):
        assert after == (2 * before if action == "double" else before + 1)


@pytest.mark.parametrize("algorithm", ["bfs", "astar", "idastar"])
async def test_bfs_a_star_and_ida_star_find_a_shortest_plan(algorithm: Algorithm) -> None:
    # 1 2 4 5 10 20, though to 5 there is a longer way too
    found = await search(NUMBERS, Problem([1], 20), algorithm)
    assert found.plan is not None
    assert len(found.plan.actions) == 5


async def test_a_heuristic_spares_expansions_and_keeps_the_plan_shortest() -> None:
    corridor = """
def successors(state):
    x, y = state
    return [[x + 1, y], [x - 1, y], [x, y + 1], [x, y - 1]]
def is_goal(state):
    return state == [8, 0]
"""
    guided = corridor + "def heuristic(state):\n    return abs(8 - state[0]) + abs(state[1])\n"
    blind = await search(corridor, Problem([0, 0]), "bfs")
    for algorithm in ("astar", "idastar"):
        led = await search(guided, Problem([0, 0]), algorithm)
        assert led.plan is not None
        assert len(led.plan.states) == 9
        assert led.expansions == 8 < blind.expansions


@pytest.mark.parametrize("algorithm", ALL)
async def test_a_finite_space_without_a_goal_is_searched_to_its_end(algorithm: Algorithm) -> None:
    ring = """
def successors(state):
    return [[(state[0] + 1) % 7], [(state[0] - 1) % 7]]
def is_goal(state):
    return False
"""
    found = await search(ring, Problem([0]), algorithm, Limits(expansions=1000))
    if algorithm == "idastar":  # grows its bound until nothing lies beyond
        assert found.stop == "exhausted"
    else:
        assert (found.stop, found.expansions, found.plan) == ("exhausted", 7, None)


async def test_equal_states_are_one_whatever_the_order_of_their_keys() -> None:
    flip = """
def successors(state):
    return [{"b": state["b"], "a": state["a"]}]
def is_goal(state):
    return False
"""
    found = await search(flip, Problem({"a": 1, "b": 2}))
    assert (found.stop, found.expansions) == ("exhausted", 1)


ENDLESS = """
def successors(state):
    return [[state[0] + 1]]
def is_goal(state):
    return False
"""


async def test_limits_end_a_search_that_would_not() -> None:
    counted = await search(ENDLESS, Problem([0]), "bfs", Limits(expansions=50))
    assert (counted.stop, counted.expansions) == ("expansions", 50)
    timed = await search(ENDLESS, Problem([0]), "dfs", Limits(seconds=0.05))
    assert timed.stop == "seconds"
    small = Limits(memory_bytes=8 * 2**20, seconds=5)
    assert (await search(ENDLESS, Problem([0]), "bfs", small)).stop == "memory"


GOOD_GOAL = "def is_goal(state):\n    return False\n"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def successors(state:", "the planner does not load: SyntaxError"),
        (GOOD_GOAL, "NameError: it defines no function successors"),
        (
            "def successors(state):\n    return None\n" + GOOD_GOAL,
            "successors([0]): it gave a value of type NoneType, not a list of states",
        ),
        (
            "def successors(state):\n    return 1 / state[0]\n" + GOOD_GOAL,
            "successors([0]): ZeroDivisionError: division by zero",
        ),
        (
            "def successors(state):\n    state.append(1)\n    return []\n" + GOOD_GOAL,
            "the state it was given has been changed",
        ),
        (
            "def successors(state):\n    return [{1, 2}]\n" + GOOD_GOAL,
            "successors([0]): a state must be plain JSON: TypeError",
        ),
        (
            "def successors(state):\n    return []\ndef is_goal(state):\n    return 'no'\n",
            "is_goal([0]): it gave a value of type str, not True or False",
        ),
        (
            "def successors(state):\n    open('/etc/passwd')\n    return []\n" + GOOD_GOAL,
            "successors([0]): ",
        ),
        ("import socket\ndef successors(state):\n    return []\n" + GOOD_GOAL, "socket"),
    ],
)
async def test_a_planner_that_misbehaves_ends_in_one_line(code: str, problem: str) -> None:
    found = await search(code, Problem([0]))
    assert (found.stop, found.plan) == ("failed", None)
    assert problem in found.problem
    assert "\n" not in found.problem


@pytest.mark.slow
async def test_a_call_that_does_not_return_is_ended() -> None:
    loop = "def successors(state):\n    while True:\n        pass\n" + GOOD_GOAL
    found = await search(loop, Problem([0]), "bfs", Limits(seconds=0.1))
    assert (found.stop, found.problem) == ("failed", "a function did not return within 1 s")


async def test_a_planner_prints_and_names_things_as_it_likes() -> None:
    code = """
def run(state):
    return [[state[0] + 1]]
def successors(state):
    print("x" * 10000)
    return run(state)
def is_goal(state):
    return state == [3]
"""
    found = await search(code, Problem([0]))
    assert (found.stop, found.expansions) == ("goal", 3)
