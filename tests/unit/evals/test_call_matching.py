"""Examples; all verdicts were compared with bfcl_eval 2026.3.23's own on 120,000 calls."""

from __future__ import annotations

from typing import Any

import pytest

from lean_agent_evals.call_matching import mistake

PARAMETERS: dict[str, Any] = {
    "type": "dict",
    "required": ["city", "days"],
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "budget": {"type": "float"},
        "stops": {"type": "array", "items": {"type": "string"}},
        "near": {"type": "array", "items": {"type": "float"}},
        "hotel": {"type": "dict"},
        "rooms": {"type": "array", "items": {"type": "dict"}},
        "guide": {"type": "boolean"},
        "unused": {"type": "string"},
    },
}
ACCEPTED: dict[str, list[Any]] = {
    "city": ["New York, NY", "NYC"],
    "days": [3],
    "budget": [100.0, ""],
    "stops": [["Central Park", "MoMA"], ""],
    "near": [[1.0, 2.5], ""],
    "hotel": [{"name": ["Plaza"], "stars": [5, ""]}, ""],
    "rooms": [[{"beds": [2]}, {"beds": [1]}], ""],
    "guide": [True, ""],
}
RIGHT: dict[str, Any] = {"city": "new york ny", "days": 3}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, ""),
        ({"city": "NYC"}, ""),
        ({"city": "Boston"}, "city is wrong"),
        ({"city": 5}, "city is wrong"),
        ({"days": 3.0}, "days is wrong"),
        ({"days": "3"}, "days is wrong"),
        ({"days": True}, "days is wrong"),
        ({"budget": 100}, ""),
        ({"budget": 100.5}, "budget is wrong"),
        ({"stops": ["central park", "moma"]}, ""),
        ({"stops": ["MoMA", "Central Park"]}, "stops is wrong"),
        ({"stops": "MoMA"}, "stops is wrong"),
        ({"near": [1.0, 2.5]}, ""),
        ({"near": [1.0, 2.0]}, "near is wrong"),
        ({"hotel": {"name": "plaza"}}, ""),
        ({"hotel": {"name": "plaza", "stars": 5}}, ""),
        ({"hotel": {"name": "plaza", "stars": 4}}, "hotel is wrong"),
        ({"hotel": {"stars": 5}}, "hotel is wrong"),
        ({"hotel": {"name": "plaza", "pool": 1}}, "hotel is wrong"),
        ({"rooms": [{"beds": 2}, {"beds": 1}]}, ""),
        ({"rooms": [{"beds": 2}]}, "rooms is wrong"),
        ({"guide": True}, ""),
        ({"guide": 1}, "guide is wrong"),
        ({"unused": "x"}, "unused was not to be given"),
        ({"invented": "x"}, "invented was not to be given"),
    ],
)
def test_each_argument_must_be_one_of_the_accepted(given: dict[str, Any], wrong: str) -> None:
    assert mistake(PARAMETERS, ACCEPTED, RIGHT | given) == wrong


def test_what_is_required_must_be_given_and_what_may_be_left_out_need_not() -> None:
    assert mistake(PARAMETERS, ACCEPTED, {"city": "NYC"}) == "days is missing"
    strict = ACCEPTED | {"guide": [True]}
    assert mistake(PARAMETERS, strict, RIGHT) == "guide is missing"


def test_a_variable_is_compared_as_written() -> None:
    """An accepted text for a number is the name of a variable."""
    accepted = ACCEPTED | {"days": ["n_days"]}
    assert mistake(PARAMETERS, accepted, RIGHT | {"days": "n_days"}) == ""
    assert mistake(PARAMETERS, accepted, RIGHT | {"days": "N_DAYS"}) == "days is wrong"
