"""Ways to reason as arms of a run."""

from __future__ import annotations

import pickle

import pytest

from lean_agent import ConfigurationError
from lean_agent_evals.arms import ReasonArm, arm_named


@pytest.mark.parametrize(
    ("name", "steps", "calls"),
    [
        ("reason/plain", 20, 2),
        ("reason/plain@450+early-stop", 20, 2),
        ("reason/outline@450", 20, 3),
        ("reason/credits@450", 20, 7),
        ("reason/uniform", 3, 4),
    ],
)
def test_an_arm_names_how_to_reason(name: str, steps: int, calls: int) -> None:
    arm = arm_named(name)
    assert arm == ReasonArm(name.removeprefix("reason/"))
    assert (arm.name, arm.probes, arm.most_calls(steps)) == (name, False, calls)
    assert pickle.loads(pickle.dumps(arm)) == arm, "workers are sent it"


@pytest.mark.parametrize("name", ["reason/clever", "reason/", "reason/plain@many"])
def test_an_unknown_way_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="reason"):
        arm_named(name)
