from __future__ import annotations

from typing import get_args

from lean_agent._semconv import Mode
from lean_agent_evals.arms import arm_named


def test_only_modes_that_act_need_to_know_the_format_of_actions() -> None:
    assert {mode for mode in get_args(Mode) if arm_named(mode).probes} == {"auto", "agent"}
