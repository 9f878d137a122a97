"""The book of one run: what it enters in the ledger. Spec: ledger ("Entries")."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Literal

from lean_agent._semconv import Mode, Purpose
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Usage

__all__ = ["Book", "ToolOutcome"]

ToolOutcome = Literal["done", "served", "refused", "cancelled", "unknown"]
PrefetchOutcome = Literal["hit", "miss", "wasted", "failed"]


@dataclass(slots=True, kw_only=True)
class Book:
    """``root_id`` is the id of the run's own row; a resumed run has one row for each part.

    ``model`` is ``provider:name``; ``last_call`` the newest model call. ``parent_id`` is the row of
    another run below which this one stands.
    """

    ledger: Ledger
    run_id: str
    root_id: str
    model: str
    price_ref: str | None = None
    session_id: str | None = None
    task_id: str | None = None
    parent_id: str | None = None
    last_call: Entry | None = None

    def _entry(self, **fields: Any) -> Entry:
        return Entry(run_id=self.run_id, session_id=self.session_id, task_id=self.task_id, **fields)

    def _call(self, purpose: Purpose, mode: Mode, step: int, **fields: Any) -> Entry:
        provider, _, model = self.model.partition(":")
        entry = self._entry(
            parent_id=self.root_id,
            step=step,
            operation="chat",
            purpose=purpose,
            mode=mode,
            provider=provider,
            model=model,
            price_ref=self.price_ref,
            **fields,
        )
        self.ledger.append(entry)
        self.last_call = entry
        return entry

    def open_run(self, mode: Mode) -> Entry:
        """Enter that the run begins."""
        entry = self._entry(
            id=self.root_id,
            parent_id=self.parent_id,
            operation="invoke_agent",
            purpose="run",
            mode=mode,
            usage=Usage(),
            state="open",
        )
        self.ledger.append(entry)
        return entry

    def open_call(
        self, purpose: Purpose, mode: Mode, step: int, *, usage: Usage, attempt: int
    ) -> Entry:
        """Enter a model call before it is sent, with an estimate of its prompt."""
        return self._call(
            purpose, mode, step, usage=usage, list_cost=usage.cost, attempt=attempt, state="open"
        )

    def open_embedding(
        self, purpose: Purpose, embedder: str, *, usage: Usage, price_ref: str | None
    ) -> Entry:
        """Enter that texts are sent to an embedder, during the newest model call or after it."""
        provider, _, model = embedder.partition(":")
        entry = self._beside(
            operation="embeddings",
            purpose=purpose,
            provider=provider,
            model=model,
            usage=usage,
            list_cost=usage.cost,
            price_ref=price_ref,
            state="open",
        )
        self.ledger.append(entry)
        return entry

    def prefetch(
        self,
        tool: str,
        step: int,
        *,
        began: float,
        seconds: float,
        outcome: PrefetchOutcome,
        error_type: str | None = None,
    ) -> None:
        """Enter what a tool did ahead, once it is known whether that was of use; or a miss.

        ``began`` is Unix time; ``seconds`` is how long it took, not what a call was spared.
        """
        self.ledger.append(
            self._entry(
                ts=began,
                parent_id=self.root_id,
                step=step,
                operation="retrieval",
                purpose="prefetch",
                mode="agent",
                usage=Usage(),
                tool=tool,
                finish_reason=outcome,
                error_type=error_type,
                seconds=seconds,
            )
        )

    def planning(self, domain: str, seconds: float, outcome: str) -> None:
        """Enter a planner's work, which calls no model; ``outcome`` is a PlanStatus, or why none
        was reached.
        """
        self.ledger.append(
            self._entry(
                ts=time.time() - seconds,
                parent_id=self.root_id,
                operation="plan",
                purpose="plan",
                mode="plan",
                usage=Usage(),
                tool=domain,
                finish_reason=outcome,
                seconds=seconds,
            )
        )

    def compaction(self, reason: str, before: int, after: int, step: int, seconds: float) -> None:
        """Enter that the context was made shorter, in tokens; the calls after it pay for that."""
        self.ledger.append(
            self._entry(
                ts=time.time() - seconds,
                parent_id=self.root_id,
                step=step,
                operation="compact",
                purpose="compact",
                usage=Usage(),
                tool=reason,
                finish_reason=f"{before} to {after} tokens",
                seconds=seconds,
            )
        )

    @property
    def step(self) -> int:
        """That of the newest model call; 0 before the first."""
        return self.last_call.step if self.last_call else 0

    def _beside(self, **fields: Any) -> Entry:
        last = self.last_call
        return self._entry(
            parent_id=self.root_id,
            step=self.step,
            mode=last.mode if last else None,
            **fields,
        )

    def close(self, entry: Entry, **truth: Any) -> None:
        """Enter what became of ``entry``: the fields of Entry that are known by now."""
        self.ledger.append(replace(entry, state="closed", **truth))

    def served_call(
        self, purpose: Purpose, mode: Mode, step: int, *, usage: Usage, spared: Usage
    ) -> None:
        """Enter a model call that the response cache answered; ``spared`` is what it had cost."""
        self._call(
            purpose,
            mode,
            step,
            usage=usage,
            list_cost=spared.cost,
            saved_tokens=spared.total_tokens,
            finish_reason="served",
            seconds=0.0,
        )

    def open_tool(self, name: str, step: int, *, usage: Usage) -> Entry:
        """Enter a tool call before it is made: a kill that cuts it off does not lose its cost."""
        entry = self._tool(name, step, usage, state="open")
        self.ledger.append(entry)
        return entry

    def _tool(self, name: str, step: int, usage: Usage | None, **fields: Any) -> Entry:
        return self._entry(
            parent_id=self.last_call.id if self.last_call else self.root_id,
            step=step,
            operation="execute_tool",
            purpose="tool",
            mode="agent",
            usage=usage or Usage(),
            list_cost=usage.cost if usage else None,
            tool=name,
            **fields,
        )

    def tool(
        self,
        name: str,
        step: int,
        seconds: float,
        outcome: ToolOutcome,
        *,
        is_error: bool = False,
        usage: Usage | None = None,
        opened: Entry | None = None,
    ) -> None:
        """Enter a tool call, which took its time and, in ``usage``, what its spec says it costs.

        One that was ``opened`` is closed.
        """
        entry = opened or self._tool(name, step, usage, ts=time.time() - seconds)
        error_type = "tool" if is_error else None
        self.close(entry, finish_reason=outcome, error_type=error_type, seconds=seconds)
