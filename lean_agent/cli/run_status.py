"""What is known of a run while it goes on, and of a session, as one short line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lean_agent.cli.text import brief, clip, count, short_money
from lean_agent.events import CostUpdated, Event, ModeChosen, RunStarted, StepStarted
from lean_agent.ledger.budget import Budget
from lean_agent.usage import Usage

__all__ = ["RunStatus", "context_share", "fitting", "remaining", "tokens"]


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

    def line(self, columns: int, doing: str = "") -> str:
        """What is done, mode, step, tokens, cache hits, dollars, what is left, how full the context
        is. Where it does not fit ``columns``, 3/20 steps says that 3 of 20 are taken.
        """
        left = remaining(self.budget, self.usage, steps=self.step, seconds=self._seconds)
        full = (
            doing,
            self.mode,
            f"step {self.step}" if self.step else "",
            tokens(self.usage),
            short_money(self.usage) if self.usage.total_tokens else "",
            f"left {left}" if left else "",
            context_share(self.context, self.window),
        )
        return fitting(columns, full, (doing, *self._in_short()), self._in_short())

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

    @property
    def _seconds(self) -> float:
        """What the run has taken until now."""
        return time.monotonic() - self._began if self._began else 0.0

    def _in_short(self) -> tuple[str, ...]:
        budget, usage = self.budget, self.usage
        money = short_money(usage) if usage.total_tokens or budget.usd is not None else ""
        return (
            self.mode,
            f"{_of(str(self.step), budget.steps)} steps" if self.step else "",
            tokens(usage, cap=budget.tokens, short=True),
            _of(money, budget.usd),
            _of(f"{self._seconds:.0f}", f"{budget.seconds:g} s") if budget.seconds else "",
            context_share(self.context, self.window, short=True),
        )


def fitting(columns: int, *forms: tuple[str, ...]) -> str:
    """The first form that fits so many columns, its parts divided; else the last one, cut."""
    for parts in forms:
        line = " | ".join(filter(None, parts))
        if clip(line, columns) == line:
            return line
    return clip(" ".join(filter(None, forms[-1])), columns)


def remaining(
    budget: Budget, spent: Usage, *, steps: int = 0, seconds: float = 0.0, short: bool = False
) -> str:
    """What is left of each limit there is, never less than nothing; "" without a limit."""
    left = list[str]()
    if budget.usd is not None:
        left.append("$?" if spent.cost is None else f"${max(budget.usd - spent.cost, 0):.4f}")
    if budget.tokens is not None:
        tokens_left = max(budget.tokens - spent.total_tokens, 0)
        left.append(f"{brief(tokens_left)} tok" if short else f"{tokens_left:,} tokens")
    if budget.steps is not None:
        left.append(count(max(budget.steps - steps, 0), "step"))
    if budget.seconds is not None:
        left.append(f"{max(budget.seconds - seconds, 0):.0f} s")
    return ", ".join(left)


def tokens(usage: Usage, *, cap: int | None = None, short: bool = False) -> str:
    """How many, and the share of those sent that a prompt cache served; "" for none."""
    if not usage.total_tokens:
        return ""
    cached = 100 * usage.cache_read_input_tokens / (usage.input_tokens or 1)
    if short:
        limit = None if cap is None else brief(cap)
        return f"{_of(brief(usage.total_tokens), limit)} tok, {cached:.0f}% cached"
    return f"{usage.total_tokens:,} tokens, {cached:.0f} % cached"


def context_share(context: int, window: int, *, short: bool = False) -> str:
    """How full the model's context is; "" where that is not known."""
    if not (context and window):
        return ""
    used = 100 * context / window
    return f"ctx {used:.0f}%" if short else f"context {used:.0f} %"


def _of(spent: str, limit: object) -> str:
    return spent if limit is None else f"{spent}/{limit}"
