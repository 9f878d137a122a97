import os
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent_planners.domain import InvalidPlanError, Plan
from lean_agent_planners.domains.crosswords.domain import domain
from lean_agent_planners.library import stored_planner
from lean_agent_planners.solving import solve

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
FOLDER = DATA / "planning" / "crosswords"
needs_data = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no crosswords in {FOLDER}: set LEAN_AGENT_TEST_DATA"
)
# The solutions as princeton-nlp/tree-of-thought-llm publishes them (MIT), the first ten of its test
# puzzles, mini0505_0_100_5.json: those that the candidates were made for.
KEYS = """\
agend motor artsy salle sleer
arefy revie igala seder etern
bebop urena friar fonge orgal
canis oroch ramee prone sasin
chese helix erose soper snert
chese rebia ullet slive hoser
cling rimer ombre amate karst
could runer essay sieve tawer
disco unhat overt manse order
eruct venue awarn dipso enter
""".splitlines()
ROWS = ["agend", "motor", "artsy", "salle", "sleer"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"across": [], "down": []}'])
def test_what_is_no_crossword_is_refused(text: str):
    with pytest.raises(ConfigurationError):
        domain.encode(text)


def test_a_right_plan_gives_the_rows():
    plan = Plan(tuple(ROWS[:count] for count in range(6)))
    assert domain.validate(domain.solved, plan) == "agend motor artsy salle sleer"


@pytest.mark.parametrize(
    "states",
    [
        (),
        ([],),
        (ROWS,),
        ([], ROWS),  # five rows in one step
        tuple(ROWS[:count] for count in range(5)),  # four rows only
        (*(ROWS[:count] for count in range(5)), [*ROWS[:4], "sneer"]),  # columns that are no words
        ([], ["agendum"]),
    ],
)
def test_a_wrong_plan_is_refused(states: tuple[Any, ...]):
    with pytest.raises(InvalidPlanError):
        domain.validate(domain.solved, Plan(states))


@needs_data
async def test_each_puzzle_gets_the_only_square_its_candidates_allow():
    planned = stored_planner(domain)
    instances = domain.instances(FOLDER)
    assert len(instances) == 10
    for instance in instances:
        words = domain.encode(instance.text).static
        squares = [
            rows
            for rows in product(*words["across"])
            if all(
                "".join(column) in words["down"][i]
                for i, column in enumerate(zip(*rows, strict=True))
            )
        ]
        solution = await solve(domain, planned, instance.text)
        assert [solution.answer] == [" ".join(rows) for rows in squares], instance.name


@needs_data
async def test_every_letter_and_word_is_that_of_the_published_solution():
    planned = stored_planner(domain)
    solutions = [await solve(domain, planned, one.text) for one in domain.instances(FOLDER)]
    assert [solution.answer for solution in solutions] == KEYS
