"""The decision on a tool call, from signals alone."""

from __future__ import annotations

import pytest

from lean_agent.gating.tool_calls import CallSignals, ToolCallGate

GATE = ToolCallGate()


@pytest.mark.parametrize(
    ("signals", "verdict"),
    [
        (CallSignals(), "run"),
        (CallSignals(earlier="known"), "serve"),
        (CallSignals(earlier=""), "serve"),
        (CallSignals(earlier="known", idle=1), "stop"),
        (CallSignals(earlier="known", unaffordable="no"), "serve"),
        (CallSignals(failures=1), "run"),
        (CallSignals(failures=2), "refuse"),
        (CallSignals(failures=2, idle=1), "stop"),
        (CallSignals(unaffordable="too dear"), "refuse"),
        (CallSignals(idle=1), "run"),
    ],
)
def test_what_is_done_with_a_call(signals: CallSignals, verdict: str) -> None:
    assert GATE.decide(signals).verdict == verdict


@pytest.mark.parametrize(("period", "nudged", "stopped"), [(1, 3, 6), (2, 4, 6), (3, 6, 9)])
def test_a_loop_that_runs_is_nudged_once_and_then_stopped(
    period: int, nudged: int, stopped: int
) -> None:
    decisions = [GATE.decide(CallSignals(looped=n, period=period)) for n in range(stopped + 1)]
    assert [n for n, d in enumerate(decisions) if d.nudge] == [nudged]
    assert [n for n, d in enumerate(decisions) if d.verdict == "stop"] == [stopped]
    assert "the same result" in decisions[nudged].reason


def test_a_refusal_says_why() -> None:
    assert GATE.decide(CallSignals(unaffordable="too dear")).reason == "too dear"
    assert "failed 2 times" in GATE.decide(CallSignals(failures=2)).reason
