"""A run as it goes on: one live line on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lean_agent.cli.streams import is_terminal, say
from lean_agent.cli.text import clip, count, one_line

if TYPE_CHECKING:
    from rich.status import Status

    from lean_agent.ledger.budget import Amount
    from lean_agent_evals.outcome import Outcome

__all__ = ["Watch"]

_LINE_SECONDS = 30.0
_MINUTE, _HOUR = 60, 3_600


class Watch:
    """An Observer that writes to standard error. ``quiet`` tells only notes."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = is_terminal(sys.stderr) and not quiet
        self._status: Status | None = None
        self._total = self._done = self._passed = self._counting = self._made = self._tenths = 0
        self._began = self._told = time.monotonic()

    def began(self, total: int, over: Sequence[Outcome]) -> None:
        self._total = total
        self._done = self._counting = len(over)
        self._passed = sum(outcome.passed for outcome in over)
        if over:
            self.note(f"{len(over)} of {count(total, 'attempt')} are over; going on")
        self._show("")

    def ended(self, outcome: Outcome, spent: Amount) -> None:
        self._made += 1
        self._done += 1
        self._counting += outcome.counts
        self._passed += outcome.passed
        self._show(_spent(outcome, spent))

    def note(self, line: str) -> None:
        line = f"note: {one_line(line)}"
        if self._status is not None:
            self._status.console.print(line, markup=False)
        else:
            say(line)

    def close(self) -> None:
        """Take the live line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _show(self, spent: str) -> None:
        rate = f"{self._passed / self._counting:.0%} passed" if self._counting else ""
        parts = [f"{self._done}/{self._total}", rate, spent, self._left()]
        line = " | ".join(part for part in parts if part)
        if self._live:
            self._update(line)
        elif not self._quiet and self._due():
            say(line)

    def _due(self) -> bool:
        """At each tenth, and after half a minute without a line."""
        tenths = 10 * self._done // max(1, self._total)
        due = tenths > self._tenths or time.monotonic() - self._told >= _LINE_SECONDS
        if due:
            self._tenths, self._told = tenths, time.monotonic()
        return due

    def _left(self) -> str:
        if not self._made or self._done == self._total:
            return ""
        each = (time.monotonic() - self._began) / self._made
        return f"{_duration(each * (self._total - self._done))} left"

    def _update(self, line: str) -> None:
        if self._status is None:
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status("")
            self._status.start()
        width = self._status.console.width
        self._status.update(clip(line, width - 4))


def _spent(outcome: Outcome, spent: Amount) -> str:
    tokens = f"{spent.tokens:,} tokens"
    if "self_hosted" in outcome.usage.provenance:
        return tokens
    if outcome.usage.cost is None:
        return f"{tokens}, unpriced"
    return f"${spent.usd:.4f}, {tokens}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
