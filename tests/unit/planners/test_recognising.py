"""Tasks as people write them: a domain's own instances are known, other questions left alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.planning import data, planning_data

from lean_agent.planner import Planner
from lean_agent_evals.suites.planning.questions import instance_text, question
from lean_agent_planners.domain_planner import domain_planner
from lean_agent_planners.library import load_domain

LEVEL = "######\n#@$ .#\n#    #\n######"
PUZZLE = load_domain("crosswords").solved
BLOCKS = load_domain("blocksworld").solved
RULES = (
    "Each lepidopteran is an insect. Insects are arthropods. Arthropods are not bony. Whales are "
    "bony. Sally is a lepidopteran."
)
QUERY = "True or false: Sally is bony."

ASKED = {
    "game24": [
        "Use the numbers 4 6 8 10 to make 24.",
        "Play the game of 24 with 3 3 8 8",
        "24 game: 1 1 4 6",
        "Using each of 2, 3, 5 and 12 exactly once, with + - * /, reach 24.",
        "Use 4 numbers and basic arithmetic operations (+ - * /) to obtain 24. Input: 4 9 10 13",
        "How can I get 24 from 4, 6, 8, 10?",
        "Combine the numbers 1, 5, 5, 5 with +, -, * and / so that the result is 24. Use every "
        "number exactly once.",
        "make 24 from 9 9 6 2",
        "Numbers: 4 7 8 8\nFind an expression that equals 24, using each number once.",
    ],
    "blocksworld": [
        BLOCKS,
        f"Solve this:\n```\n{BLOCKS}```",
        f"Find a plan for the following problem.\n\n{BLOCKS}\nList the actions, one a line.",
    ],
    "prontoqa": [
        f"{RULES} {QUERY}",
        f"Answer with True or False.\n\n{RULES} {QUERY}",
        f"Decide by these rules: {RULES}\n{QUERY} Answer with one word.",
    ],
    "sokoban": [LEVEL, f"Solve this Sokoban level:\n\n{LEVEL}\n\nGive the moves as u d l r."],
    "crosswords": [PUZZLE, f"Fill this crossword from its candidates:\n{PUZZLE}"],
}

OTHER = [
    "What is the game of 24?",
    "How many solutions has the game of 24 for 4 6 8 10?",
    "Write a Python function that solves the game of 24 for 4 6 8 10.",
    "Use the numbers 4, 6, 8 and 10 to make 42.",
    "Tom has boxes of 4, 6, 8 and 10 apples. How many more make 24?",
    "I get 24 volts from 3, 4, 5 and 6 cells; which one is broken?",
    "The results were 24, 12, 7 and 3. Is the mean of these to 24 as 1 is to 2?",
    "It is 24 degrees. Use 3, 4 and 5 to make a right triangle.",
    "Meet me in 24 hours with 2, 3 or 4 friends",
    f"What does this PDDL file say?\n{BLOCKS}",
    f"Is this PDDL problem valid?\n{BLOCKS}",
    f"Explain this drawing:\n{LEVEL}",
    "True or false: the sun is a star.",
    "Paris is the capital of France. Berlin is in Germany. True or false: Paris is in Germany.",
    "Cats are animals. Tom is a cat. True or false: Tom is an animal.",
    "# Sokoban\n## Rules\n### Push\nHow is it played?",
    'What is wrong with this JSON? {"across": [], "down": []}',
    "Plan a trip to Rome.",
    "Solve x + 3 = 24.",
    "",
]


def known(task: str) -> str | None:
    found = domain_planner.recognise(task)
    return None if found is None else found.domain


def test_it_is_a_planner_of_the_shipped_domains() -> None:
    assert isinstance(domain_planner, Planner)
    assert set(ASKED) <= set(domain_planner.domains)


@pytest.mark.parametrize(
    ("domain", "task"), [(domain, task) for domain, tasks in ASKED.items() for task in tasks]
)
def test_a_problem_is_known_in_a_persons_words(domain: str, task: str) -> None:
    assert known(task) == domain


@pytest.mark.parametrize("task", OTHER)
def test_other_questions_are_left_alone(task: str) -> None:
    assert known(task) is None


@pytest.mark.parametrize(
    ("task", "domain"), [("4 6 8 10", "game24"), (f"What is this?\n{LEVEL}", "sokoban")]
)
def test_plan_mode_makes_do_with_less(task: str, domain: str) -> None:
    assert known(task) is None
    found = domain_planner.recognise(task, forced=True)
    assert found is not None
    assert found.domain == domain


def test_an_attached_file_is_solved_if_the_task_says_so(tmp_path: Path) -> None:
    file = tmp_path / "three.pddl"
    file.write_text(BLOCKS, encoding="utf-8")
    found = domain_planner.recognise("Solve the attached problem.", [file])
    assert found is not None
    assert (found.domain, found.instance) == ("blocksworld", BLOCKS)
    assert domain_planner.recognise("What is in the file?", [file]) is None
    assert domain_planner.recognise("Solve it.", [tmp_path / "gone", tmp_path]) is None


async def test_what_is_known_is_solved_and_what_has_no_solution_is_told() -> None:
    found = domain_planner.recognise("Use 3 3 8 8 to make 24.")
    assert found is not None
    planned = await domain_planner.solve(found)
    assert (planned.status, planned.answer) == ("solved", "8 / (3 - (8 / 3))")
    assert planned.evidence.startswith("game24 by its hand-written reference: solved, ")
    found = domain_planner.recognise("Use 1 1 1 1 to make 24.")
    assert found is not None
    planned = await domain_planner.solve(found)
    assert planned.status == "unsolvable"
    assert planned.answer.startswith("There is no solution")


FRAMES = {
    "game24": ["Use the numbers {} to make 24.", "Game of 24: {}", "Reach 24 with {}, each once."],
    "blocksworld": ["Solve this problem:\n{}", "{}\nWhich actions reach the goal?"],
    "prontoqa": ["{}", "{}\nAnswer True or False.", "Read the rules and decide.\n\n{}"],
    "sokoban": ["{}", "Find the moves that solve this level.\n{}"],
    "crosswords": ["{}", "Complete this crossword:\n{}"],
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_instance_of_the_data_is_known(name: str) -> None:
    instances = load_domain(name).instances(planning_data(name))
    missed = [
        (frame, instance.name)
        for frame in FRAMES[name]
        for instance in instances
        if known(frame.format(instance.text)) != name
    ]
    assert missed == []


@pytest.mark.parametrize("name", FRAMES)
def test_the_suites_wording_of_every_instance_is_known(name: str) -> None:
    instances = load_domain(name).instances(planning_data(name))
    missed = [
        instance.name
        for instance in instances
        if known(question(name, instance_text(name, instance.text))) != name
    ]
    assert missed == []


def _questions(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*.json*")):
        text = file.read_text(encoding="utf-8")
        place = 0
        while place < len(text.rstrip()):  # one value, or one a line
            value, place = json.JSONDecoder().raw_decode(text, place)
            place += len(text[place:]) - len(text[place:].lstrip())
            yield from _texts(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _texts(one)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _texts(one)  # pyright: ignore[reportUnknownArgumentType]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gsm8k_dev", "hotpotqa_dev", "tool_need", "webshop"])
def test_no_text_of_other_data_is_taken_for_a_problem(name: str) -> None:
    texts = list(_questions(data(name)))
    assert texts
    assert [text for text in texts if known(text)] == []


@pytest.mark.parametrize(
    "part",
    [
        "true or false: ",
        "a: \n",
        " # ",
        "### \n",
        "(define ",
        "1 2 3 24 ",
        "{",
        "Insects are ",
        "$#",
    ],
)
def test_text_that_is_made_to_be_slow_is_not(part: str) -> None:
    tail = ' "across" "down" True or false: Sally is bony. make 24'
    task = part * ((29_000 - len(tail)) // len(part)) + tail
    began = time.perf_counter()
    assert known(task) is None
    assert time.perf_counter() - began < 1
