"""Whether a tool call is worth making: run it, serve what it gave before, refuse it or stop.

Pure: what is known of a call goes in, a decision with its reason comes out. Spec: gating
("Tool-call gate, per call"). What was called before is kept in call_memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CallDecision", "CallSignals", "ToolCallGate", "Verdict"]

Verdict = Literal["run", "serve", "refuse", "stop", "unknown"]

_FAILURES = 2
_NUDGE_AFTER, _STOP_AFTER = 3, 6  # calls of a loop that was run each time
_NUDGE_ROUNDS, _STOP_ROUNDS = 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSignals:
    """What is known of a call before it is made.

    ``earlier`` is the result of the same call in the same world, None if there is none or the call
    may change something. ``failures`` counts how often it has failed in the same way since the
    world last changed. ``looped`` calls, in rounds of ``period``, were the same with the same
    results, and this call would go on with them; 0 where it would not. ``idle`` counts the steps in
    a row, until now, that brought nothing new. ``unaffordable`` says why the call or what follows
    it cannot be paid for, "" where it can.
    """

    earlier: str | None = None
    failures: int = 0
    looped: int = 0
    period: int = 1
    idle: int = 0
    unaffordable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDecision:
    """``result`` is what is served. ``nudge``: the call runs, and the model is told that it goes
    round in circles. ``stop``: the call is not made, and if none of its step is, the run ends with
    what is known. ``unknown``: it was begun before the run was cut off, and is not made again.
    ``reason`` is "" where a call just runs. ``news``: it is new to the model, and
    a step that is refused for it was not for nothing.
    """

    verdict: Verdict
    reason: str = ""
    result: str | None = None
    nudge: bool = False
    news: bool = False


_RUN = CallDecision(verdict="run")


class ToolCallGate:
    """The free rules for one call."""

    def decide(self, signals: CallSignals) -> CallDecision:
        """Takes microseconds and never fails."""
        ended = signals.idle > 0  # it has been nudged
        if signals.earlier is not None:
            return CallDecision(
                verdict="stop" if ended else "serve",
                reason="the same call in the same world",
                result=signals.earlier,
            )
        if signals.failures >= _FAILURES:
            return CallDecision(
                verdict="stop" if ended else "refuse",
                reason=f"this call has failed {signals.failures} times in the same way",
            )
        rounds = signals.looped // signals.period
        if signals.looped >= _STOP_AFTER and rounds >= _STOP_ROUNDS:
            return CallDecision(
                verdict="stop",
                reason=f"the same {_calls(signals.period)} had the same result {rounds} times",
            )
        if signals.unaffordable:
            return CallDecision(verdict="refuse", reason=signals.unaffordable)
        nudged = max(_NUDGE_AFTER, _NUDGE_ROUNDS * signals.period)
        if signals.looped == nudged:
            reason = f"the same {_calls(signals.period)} had the same result {rounds} times"
            return CallDecision(verdict="run", reason=reason, nudge=True)
        return _RUN


def _calls(period: int) -> str:
    return "call" if period == 1 else f"{period} calls"
