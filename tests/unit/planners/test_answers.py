"""Answers in words, right, wrong and malformed: forgiven in form, not in content."""

from __future__ import annotations

import pytest

from lean_agent_planners.domain import InvalidPlanError
from lean_agent_planners.library import domain_names, load_domain, stored_planner
from lean_agent_planners.solving import solve

TOWERS = "(unstack c a) (put-down c) (pick-up b) (stack b c) (pick-up a) (stack a b)"
ROWS = "agend motor artsy salle sleer"

RIGHT = [
    ("game24", "(10 - 6) * 4 + 8"),
    ("game24", "Answer: (10-6)*4+8 = 24"),
    ("game24", "First 10 - 6 = 4.\n**Answer:** `(10 - 6) * 4 + 8`\nEach number is used once."),
    ("game24", "The answer: 24 = 8 + 4 \u00d7 (10 \u2212 6)"),
    ("game24", "Answer: \\boxed{8 + 4 \\times (10 - 6)}"),
    ("game24", "I try 4 * 6 = 24, no.\n\nSo: 8 + 4 * (10 - 6) = 24."),
    ("game24", "Answer:\n```\n8 + 4 * (10 - 6)\n```"),
    ("blocksworld", TOWERS),
    ("blocksworld", f"Answer: {TOWERS.upper()}."),
    ("blocksworld", TOWERS.replace(") (", ")\n(")),
    ("blocksworld", TOWERS.replace(") (", ", ").strip("()")),
    (
        "blocksworld",
        "I first (pick-up b), no.\nAnswer:\n1. Unstack block c from block a\n2. put down c\n"
        "3. pick up b\n4. stack b on top of c\n5. pick up the block a, then stack(a, b).",
    ),
    ("prontoqa", "False"),
    ("prontoqa", "Answer: **False**"),
    ("prontoqa", "Is it true? Sally is an arthropod.\nSo the statement is false."),
    ("prontoqa", "Answer: False, since arthropods are not bony.\nIt is not true."),
    ("sokoban", "RR"),
    ("sokoban", "Answer: r, r"),
    ("sokoban", "Answer: right right"),
    ("sokoban", "I push the stone to the right twice.\nanswer: [R, R]"),
    ("crosswords", ROWS),
    ("crosswords", "Answer:\n" + "\n".join(" ".join(row).upper() for row in ROWS.split())),
    ("crosswords", f"Answer: {ROWS.replace(' ', ', ')}"),
    ("crosswords", f"Across: {ROWS}\nDown: amass goral ettle nosle dryer"),
]

WRONG = [
    ("game24", "4 + 6 + 8 + 10", "28, not 24"),
    ("game24", "4 * 6", "each number exactly once"),
    ("game24", "4 * 6 * (10 - 8) / 2", "each number exactly once"),
    ("game24", "4 * 6 + 8 - 8 + 10 - 10", "each number exactly once"),
    ("game24", "46 - 8 - 10 - 4", "each number exactly once"),
    ("game24", "8 / (10 - 6 - 4)", "divides by zero"),
    ("game24", "4 ** 6 - 8 - 10", "only"),
    ("game24", "(4 + 6", "is no expression"),
    ("game24", "-4 + 6 + 8 + 10", "more than numbers"),
    ("game24", "8! + 4 * (10 - 6)", "is no expression"),
    ("game24", "8 + 4 * (10 - 6)!", "is no expression"),
    ("game24", "8 + 4 ^ 1 * (10 - 6)", "more than numbers|only"),
    ("game24", "sqrt(8) + 4 * (10 - 6)", "is no expression"),
    ("game24", "8.0 + 4 * (10 - 6)", "more than numbers"),
    ("game24", "8 + 4 * (10 + -6)", "more than numbers"),
    ("game24", "Answer: 8 + 4 * (10 - 6)\nAnswer: 4 + 6 + 8 + 10", "28"),  # one answer counts
    ("game24", "Answer: __import__('os').getpid()", "no expression"),
    ("game24", "1" * 5_000, "too long"),
    ("game24", "(" * 150 + "4" + ")" * 40, "is no expression"),
    ("game24", "It cannot be done.", "no expression"),
    ("blocksworld", "(pick-up c) (stack c b)", "step 1"),
    ("blocksworld", TOWERS.removesuffix("(stack a b)"), "at the end on a b"),
    ("blocksworld", TOWERS.replace("(put-down c)", ""), "step 2"),
    ("blocksworld", TOWERS.replace("stack a b", "stack a z"), "step 6"),
    ("blocksworld", "stack a", "takes other blocks"),
    ("blocksworld", "pick-up b a", "takes other blocks"),
    ("blocksworld", "Put every block where it belongs.", "no action"),
    ("prontoqa", "True", "False"),
    ("prontoqa", "Answer: True or False", "not one of"),
    ("prontoqa", "Answer: it depends", "not one of"),
    ("sokoban", "R", "off the goals"),
    ("sokoban", "rrr", "cannot be pushed"),
    ("sokoban", "ur", "cannot go"),
    ("sokoban", "Answer: push it", "no line of moves"),
    ("crosswords", ROWS.replace("sleer", "sneer"), "no candidate"),
    ("crosswords", ROWS.replace("motor", "motors"), "no five rows"),
    ("crosswords", f"{ROWS} amass goral ettle nosle drier", "the words down"),
    ("crosswords", "agend motor", "no five rows"),
]


def check(name: str, answer: str) -> str:
    domain = load_domain(name)
    assert domain.check_answer is not None
    return domain.check_answer(domain.solved, answer)


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_accepted_in_many_forms(name: str, answer: str) -> None:
    assert check(name, answer)


@pytest.mark.parametrize(("name", "answer", "why"), WRONG)
def test_a_wrong_answer_is_refused_with_its_reason(name: str, answer: str, why: str) -> None:
    with pytest.raises(InvalidPlanError, match=why):
        check(name, answer)


@pytest.mark.parametrize("name", domain_names())
@pytest.mark.parametrize(
    "answer", ["", "  \n", "Answer:", "```", "I do not know.", "24", "x" * 50_000]
)
def test_an_answer_that_says_nothing_is_refused(name: str, answer: str) -> None:
    with pytest.raises(InvalidPlanError):
        check(name, answer)


@pytest.mark.parametrize("name", domain_names())
async def test_the_planners_own_answer_is_accepted_as_it_stands(name: str) -> None:
    domain = load_domain(name)
    solution = await solve(domain, stored_planner(domain), domain.solved)
    assert solution.answer is not None
    assert check(name, solution.answer) == solution.answer
    assert check(name, f"I used the planner.\nAnswer: {solution.answer}") == solution.answer
