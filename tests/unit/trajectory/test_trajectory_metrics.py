"""Every formula against values worked out by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from support.trajectories import acted, answered, trajectory, used

from lean_agent.trajectory import depo
from lean_agent.trajectory.correctness import first_correct, says
from lean_agent.trajectory.estimating import text_tokens, with_estimates
from lean_agent.trajectory.metrics import (
    e3,
    ise,
    ise_as_published,
    isr,
    tokens_after,
    tokens_per_step,
)
from lean_agent.trajectory.record import Step, Trajectory
from lean_agent.trajectory.stats import summed
from lean_agent.trajectory.waste import Waste, find_waste


def wasted(found: Trajectory) -> list[Waste]:
    return list(find_waste(found, first_correct(found)))


# Required, found, actions: |R and O| / |R|, |R and O| / T, |R| / T.
INFORMATION = [
    (10, 10, 20, 1.0, 0.5, 0.5),
    (10, 5, 20, 0.5, 0.25, 0.5),
    (10, 3, 30, 0.3, 0.1, 1 / 3),
    (10, 0, 5, 0.0, 0.0, 2.0),
    (4, 1, 8, 0.25, 0.125, 0.5),
    (3, 3, 1, 1.0, 3.0, 3.0),
    (7, 2, 0, 2 / 7, 0.0, 0.0),
]


@pytest.mark.parametrize(
    ("required", "found", "actions", "rate", "gained", "published"), INFORMATION
)
def test_information_metrics(
    required: int, found: int, actions: int, rate: float, gained: float, published: float
) -> None:
    assert isr(required, found) == pytest.approx(rate)
    assert ise(found, actions) == pytest.approx(gained)
    assert ise_as_published(required, actions) == pytest.approx(published)


@pytest.mark.parametrize(
    ("rate", "tokens", "value"), [(0.5, 100, 25.0), (1.0, 10_000, 1.0), (0.0, 7, 0.0)]
)
def test_e3(rate: float, tokens: float, value: float) -> None:
    assert e3(rate, tokens) == pytest.approx(value)
    assert math.isnan(e3(rate, 0))


@pytest.mark.parametrize(
    ("written", "steps", "mean"),
    [(840, 6, 140.0), (1, 4, 0.25), (0, 3, 0.0), (None, 3, None), (5, 0, None)],
)
def test_tokens_per_step(written: int | None, steps: int, mean: float | None) -> None:
    assert tokens_per_step(written, steps) == mean


# Reward, steps, what counts as good, group.
GROUPS = [
    (1.0, 6, 0.9, "desirable"),
    (0.9, 6, 0.9, "desirable"),
    (0.9, 7, 0.9, "undesirable"),
    (1.0, 30, 0.9, "undesirable"),
    (0.89, 1, 0.9, "undesirable"),
    (0.7, 40, 0.9, "undesirable"),
    (0.69, 1, 0.9, None),
    (0.0, 40, 0.9, None),
    (0.95, 3, 1.0, "undesirable"),
    (1.0, 3, 1.0, "desirable"),
]


@pytest.mark.parametrize(("reward", "steps", "good", "group"), GROUPS)
def test_the_split(reward: float, steps: int, good: float, group: str | None) -> None:
    assert depo.group(reward, steps, good=good) == group


# b = 3 / mean tokens a step + 3 / steps.
@pytest.mark.parametrize(
    ("tokens", "steps", "value"),
    [
        (100.0, 5, 0.63),
        (30.0, 3, 1.1),
        (60.0, 1, 3.05),
        (None, 6, 0.5),
        (0.0, 2, 1.5),
        (50.0, 0, 0.06),
    ],
)
def test_the_bonus(tokens: float | None, steps: int, value: float) -> None:
    assert depo.bonus(tokens, steps) == pytest.approx(value)


def test_the_bonus_with_other_weights() -> None:
    assert depo.bonus(40.0, 4, by_tokens=2.0, by_steps=2.0) == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("first", "tokens", "after"),
    [
        (None, [5, 6], 0),
        (0, [5, 6, 7], 13),
        (1, [5, 6, 7], 7),
        (2, [5, 6, 7], 0),
        (0, [5, None], None),
        (1, [None, 5, 6], 6),
    ],
)
def test_tokens_after(first: int | None, tokens: list[int | None], after: int | None) -> None:
    assert tokens_after(first, tokens) == after


@pytest.mark.parametrize(
    ("text", "answer", "there"),
    [
        ("It is Ada Lovelace.", "ada lovelace", True),
        ("the Bears", "The Bears", True),
        ("Bears", "The Bears", True),
        ("Adalbert", "Ada", False),
        ("Lovelace, Ada", "Ada Lovelace", False),
        ("in 1927.", "1927", True),
        ("in 19270", "1927", False),
        ("anything", "", False),
        ("anything", "the", False),
    ],
)
def test_whether_a_text_says_an_answer(text: str, answer: str, there: bool) -> None:
    assert says(text, answer) is there


def test_the_turn_in_which_the_answer_first_stood() -> None:
    thinks = acted(1, "more", thought="So it is Ada Lovelace. But check.")
    steps = [acted(0, "who", "Ada Lovelace was"), thinks, answered(2, "Ada Lovelace")]
    assert first_correct(trajectory(steps, answers=["Lovelace"])) == 1
    assert first_correct(trajectory(steps, answers=["Babbage"])) is None
    # Short words are taken from answers alone.
    steps = [acted(0, "x", thought="no, no, no"), answered(1, "no")]
    assert first_correct(trajectory(steps, answers=["no"])) == 1
    # What was judged counts by that, whatever it says.
    steps = [answered(0, "no", reward=0.0), answered(1, "yes", reward=1.0)]
    assert first_correct(trajectory(steps, answers=["no"])) == 1


def test_waste_has_its_tokens_and_its_cost() -> None:
    steps = [
        acted(0, "ada", "Born in London, daughter of Byron.", usage=used(100, 10, "0.10")),
        acted(1, "ada", "Born in London, daughter of Byron.", usage=used(120, 10, "0.20")),
        acted(2, "x", "no such page", is_error=True, usage=used(140, 10, "0.30")),
        acted(3, "Byron", "Weather: sunny in Paris.", usage=used(160, 10, "0.40")),
        answered(4, "Ada", usage=used(190, 10, "0.40")),
        answered(5, "Ada, surely", usage=used(200, 20, "0.50")),
    ]
    found = wasted(trajectory(steps, answers=["Ada"]))
    # The weather has 24 bytes, 6 tokens, read by two turns of 200 and of 220 tokens.
    read = Decimal("0.40") * 6 / 200 + Decimal("0.50") * 6 / 220
    assert [(w.kind, w.step, w.tokens, w.cost) for w in found] == [
        ("repeated_call", 1, 130, Decimal("0.20")),
        ("dead_end", 2, 150, Decimal("0.30")),
        ("unused_context", 3, 12, read),
        ("after_answer", 5, 220, Decimal("0.50")),
    ]


def test_the_cost_of_waste_is_unknown_where_the_price_is() -> None:
    steps = [acted(0, "a", "no", is_error=True), acted(1, "b", "sunny"), answered(2, "c")]
    found = wasted(trajectory(steps))
    assert [(w.kind, w.tokens, w.cost) for w in found] == [
        ("dead_end", None, None),
        ("unused_context", 2, None),
    ]


def test_doing_the_same_again_is_no_waste_where_it_gives_something_else() -> None:
    forward = [Step(turn=turn, action="forward") for turn in range(3)]  # nothing is known of it
    assert wasted(trajectory(forward)) == []
    pages = [acted(0, "next", "page 17"), acted(1, "next", "page 18"), answered(2, "17 and 18")]
    assert wasted(trajectory(pages)) == []


def test_a_run_without_waste_has_none() -> None:
    steps = [acted(0, "ada", "Byron's daughter"), answered(1, "Byron")]
    assert wasted(trajectory(steps, answers=["Byron"])) == []


def test_tokens_are_guessed_from_the_text() -> None:
    assert [text_tokens(text) for text in ("", "a", "four", "fives", "ö" * 4)] == [0, 1, 1, 2, 2]
    steps = [acted(0, "12", "x" * 8, action="s"), answered(1, "12")]
    found = with_estimates(trajectory(steps, question="q" * 40))
    first, second = (step.usage for step in found.steps)
    # s{"argument": "12"} has 19 bytes, answer{"argument": "12"} has 24.
    assert (first.input_tokens, first.output_tokens, first.estimated) == (10, 5, True)
    assert (second.input_tokens, second.output_tokens) == (10 + 5 + 2, 6)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (27, 11)
    assert found.usage.estimated


def test_what_was_measured_is_not_guessed() -> None:
    measured = trajectory([answered(0, "a", usage=used(1, 2))])
    assert with_estimates(measured) is measured
    whole = trajectory([answered(0, "a" * 40), answered(1, "a" * 40)], usage=used(9, 101, "1"))
    shared = with_estimates(whole)
    assert shared.usage == whole.usage
    assert [step.usage.output_tokens for step in shared.steps] == [50, 51]


def test_the_figures_of_several() -> None:
    stats = summed(
        [
            trajectory(2, usage=used(10, 100, "0.5"), entities_required=10, entities_found=5),
            trajectory(4, usage=used(10, 20, "0.25"), passed=False, reward=0.2),
            trajectory(
                [*(acted(turn) for turn in range(8)), answered(8, "Ada", usage=used(1, 2))],
                passed=None,
                reward=None,
                answers=["Ada"],
            ),
        ],
        waste=True,
    ).to_dict()
    assert (stats["trajectories"], stats["steps"], stats["passed"], stats["unjudged"]) == (
        3, 15, 1, 1,
    )  # fmt: skip
    assert stats["reward"] == pytest.approx(0.6)
    assert (stats["waste"]["answered"], stats["waste"]["tokens_after_answer"]) == (1, 0.0)
    assert (stats["known_cost"], stats["cost_unknown"]) == (Decimal("0.75"), 1)
    assert stats["all"] == {
        "tokens": 60.0, "tokens_unknown": 1, "steps": 5.0, "tokens_per_step": None,
    }  # fmt: skip
    assert stats["passed_runs"]["tokens_per_step"] == 50.0
    assert (stats["with_entities"], stats["isr"]) == (1, 0.5)
    assert (stats["ise"], stats["ise_as_published"]) == (2.5, 5.0)
    assert stats["groups"] == {"desirable": 1, "dropped": 1}


def test_a_waste_report_adds_up() -> None:
    steps = [
        acted(0, "a", "no", is_error=True, usage=used(10, 5, "0.01")),
        answered(1, "Ada", usage=used(20, 5, "0.02")),
        answered(2, "Ada!", usage=used(30, 5, "0.03")),
    ]
    unpriced = [step.model_copy(update={"usage": used(1, 1)}) for step in steps]
    report = summed(
        [trajectory(part, answers=["Ada"]) for part in (steps, steps, unpriced)], waste=True
    ).to_dict()["waste"]
    assert (report["answered"], report["tokens_after_answer"]) == (3, (35 + 35 + 2) / 3)
    assert report["kinds"]["dead_end"] == {
        "count": 3,
        "tokens": 32,
        "tokens_unknown": 0,
        "known_cost": Decimal("0.02"),
        "cost_unknown": 1,
    }
    assert report["kinds"]["after_answer"]["known_cost"] == Decimal("0.06")
    assert report["kinds"]["repeated_call"]["count"] == 0
    assert summed([]).to_dict()["waste"] is None
