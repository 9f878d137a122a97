from __future__ import annotations

import json
from decimal import Decimal

import pytest
from support.outcomes import outcome

from lean_agent import Usage
from lean_agent_evals.outcome import Ending, Outcome


def test_an_outcome_survives_json() -> None:
    full = outcome(
        "t",
        usage=Usage(
            input_tokens=900,
            cache_read_input_tokens=500,
            output_tokens=40,
            reasoning_output_tokens=12,
            cost=Decimal("0.000123"),
            provenance=frozenset({"measured", "estimated"}),
        ),
        judge=Usage(input_tokens=7, cost=None),
        epoch=2,
        seed=5,
        flops=1e12,
        needs_tools=False,
        entities_required=10,
        entities_found=4,
    )
    data = json.loads(json.dumps(full.to_dict()))
    assert data["passed"] is True
    assert data["usage"]["cost"] == "0.000123"
    assert Outcome.from_dict(data) == full


def test_a_newer_files_names_are_left_out_and_missing_ones_have_their_default() -> None:
    data = outcome("t").to_dict() | {"colour": "blue"}
    del data["epoch"]
    assert Outcome.from_dict(data) == outcome("t")


@pytest.mark.parametrize(
    ("ending", "passed", "counts"),
    [
        ("answered", True, True),
        ("wrong", False, True),
        ("limit", False, True),
        ("refused", False, True),
        ("infrastructure", False, False),
    ],
)
def test_only_infrastructure_failures_do_not_count(
    ending: Ending, passed: bool, counts: bool
) -> None:
    found = outcome("t", ending=ending)
    assert (found.passed, found.counts) == (passed, counts)
