"""What is known of a run while it goes on, as one short line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lean_agent.cli.text import count, short_money
from lean_agent.events import CostUpdated, Event, ModeChosen, RunStarted, StepStarted
from lean_agent.ledger.budget import Budget
from lean_agent.usage import Usage

__all__ = ["RunStatus", "context_share", "share", "tokens"]


@dataclass(slots=True)
class RunStatus:
    """Told of every event. ``window`` is the model's context in tokens, 0 where it is not known.

    ``context`` is how much of it the newest call took, input and output.
    """

    budget: Budget = field(default_factory=Budget)
    window: int = 0
    context: int = 0
    mode: str = ""
    step: int = 0
    usage: Usage = field(default_factory=Usage)
    _began: float = 0.0
    _told: Usage = field(default_factory=Usage)

    def note(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.mode, self.step, self.usage, self._told = "", 0, Usage(), Usage()
                self._began = time.monotonic()
            case ModeChosen(mode):
                self.mode = mode
            case StepStarted(step):
                self.step = step
            case CostUpdated(usage):
                self.context = usage.total_tokens - self.usage.total_tokens or self.context
                self.usage = usage
            case _:
                pass

    def line(self) -> str:
        """Mode, step, tokens, cache hits, dollars, how full the context is and what is left."""
        parts = [
            self.mode,
            f"step {self.step}" if self.step else "",
            tokens(self.usage),
            short_money(self.usage) if self.usage.total_tokens else "",
            context_share(self.context, self.window),
            self._left(),
        ]
        return " | ".join(part for part in parts if part)

    def newly_spent(self) -> str:
        """The tokens and dollars charged since this was last asked, "" if there are none."""
        before, self._told = self._told, self.usage
        spent = self.usage.total_tokens - before.total_tokens
        if spent <= 0:
            return ""
        if self.usage.cost is None or before.cost is None or self.usage.cost <= before.cost:
            return f"{spent:,} tokens"
        cost = Usage(cost=self.usage.cost - before.cost, provenance=self.usage.provenance)
        return f"{spent:,} tokens, {short_money(cost)}"

    def _left(self) -> str:
        budget, left = self.budget, list[str]()
        if budget.usd is not None:
            spent = self.usage.cost
            left.append("$?" if spent is None else f"${max(budget.usd - spent, 0):.4f}")
        if budget.tokens is not None:
            left.append(f"{max(budget.tokens - self.usage.total_tokens, 0):,} tokens")
        if budget.steps is not None:
            left.append(count(max(budget.steps - self.step, 0), "step"))
        if budget.seconds is not None:
            left.append(f"{max(budget.seconds - (time.monotonic() - self._began), 0):.0f} s")
        return f"left {', '.join(left)}" if left else ""


def tokens(usage: Usage) -> str:
    """How many, and the share that a prompt cache served; "" for none."""
    if not usage.total_tokens:
        return ""
    cached = share(usage.cache_read_input_tokens, usage.input_tokens)
    return f"{usage.total_tokens:,} tokens" + (f", {cached} cached" if cached else "")


def context_share(context: int, window: int) -> str:
    """How full the model's context is; "" where that is not known."""
    used = share(context, window)
    return f"context {used}" if used else ""


def share(part: int, whole: int) -> str:
    """In per cent; "" where there is nothing to share."""
    return f"{100 * part / whole:.0f} %" if part and whole else ""
