from __future__ import annotations

from lean_agent_evals.suites.babyai.observation import describe


def test_what_babyai_text_says_of_a_room() -> None:
    view = {
        (0, 4): "wall",
        (-2, 0): "wall",
        (-2, 1): "wall",
        (1, 0): "wall",
        (-1, 2): "red ball",
        (-1, 3): "grey key",
        (3, 0): "open blue door",
        (0, 1): "locked red door",
        (2, 5): "purple box",
    }
    assert describe(view, "green key").splitlines() == [
        "You carry a green key",
        # The wall ahead is behind a door; one that is neither ahead nor aside is not told.
        "You see a wall 2 steps left",
        "You see a wall 1 step right",
        "You see a grey key 1 step left and 3 steps forward",
        "You see a red ball 1 step left and 2 steps forward",
        "You see a locked red door 1 step forward",
        "You see a purple box 2 steps right and 5 steps forward",
        "You see an open blue door 3 steps right",
    ]


def test_who_sees_nothing_is_told_so() -> None:
    assert describe({}, None) == "You see nothing"
    assert describe({}, "red ball") == "You carry a red ball"
