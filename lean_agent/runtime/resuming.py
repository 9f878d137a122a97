"""Going on with a run that a limit ended, or that was interrupted or killed.

What was answered and found stays in the messages, and what was spent counts against the new
budget: no call that was answered is made again. Spec: ledger ("Budgets").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from lean_agent.errors import ConfigurationError
from lean_agent.ledger.budget import Amount
from lean_agent.messages import Message
from lean_agent.runtime import prompts
from lean_agent.runtime.journal import Journal
from lean_agent.runtime.meter import STEP_PURPOSES
from lean_agent.runtime.state import RunState
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.runtime.checkpoints import Checkpoints

__all__ = ["Earlier", "last_checkpoint", "no_such_run", "past_the_limit"]

_CHARGED = frozenset({"chat", "embeddings", "execute_tool"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What the earlier parts of a run spent. ``seconds`` is the time they took."""

    amount: Amount = field(default_factory=Amount)
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    saved: Usage = field(default_factory=Usage)

    @classmethod
    def of(cls, state: RunState, rows: Sequence[Mapping[str, Any]]) -> Earlier:
        """The larger of what Meter.spent() wrote and what the ledger's ``rows`` of the run say.

        The checkpoint lacks a call that was cut off in the middle, the ledger what its disk
        refused.
        """
        spent = state["spent"]
        usage = Usage.from_dict(spent["usage"]) if spent else Usage()
        saved = Usage.from_dict(spent["saved"]) if spent else Usage()
        calls = [row for row in rows if row["operation"] in _CHARGED]
        entered = sum((_usage(row) for row in calls), Usage())
        if _size(entered) > _size(usage):
            usage = entered
        steps = sum(row["purpose"] in STEP_PURPOSES and row["attempt"] == 1 for row in calls)
        done = sum(_made(row) for row in rows)
        amount = Amount(
            usd=max(Decimal(spent.get("usd", 0)), usage.cost or Decimal(0)),
            tokens=max(spent.get("tokens", 0), usage.total_tokens),
            steps=max(spent.get("steps", 0), steps),
            tool_calls=max(spent.get("tool_calls", 0), done),
        )
        return cls(amount=amount, seconds=spent.get("seconds", 0.0), usage=usage, saved=saved)


def _made(row: Mapping[str, Any]) -> bool:
    """Whether it is of a tool call that was made: an open one was cut off."""
    made = row["state"] == "open" or row["finish_reason"] in {"done", "cancelled"}
    return row["operation"] == "execute_tool" and made


def _size(usage: Usage) -> tuple[int, Decimal]:
    return usage.total_tokens, usage.cost or Decimal(0)


def _usage(row: Mapping[str, Any]) -> Usage:
    marks = (row["provenance"] or "").split("+")
    return Usage(
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cache_read_input_tokens=row["cache_read_input_tokens"],
        cache_creation_input_tokens=row["cache_creation_input_tokens"],
        reasoning_output_tokens=row["reasoning_output_tokens"],
        cost=row["cost"],
        provenance=frozenset(mark for mark in marks if mark),  # pyright: ignore[reportArgumentType]
    )


def no_such_run(run_id: str) -> ConfigurationError:
    """That nothing is kept of it."""
    return ConfigurationError(
        f"there is no run {run_id!r} to resume",
        hint="a run is kept until it is complete, where checkpoints are kept at all",
    )


async def last_checkpoint(saver: Checkpoints, run_id: str) -> tuple[RunState, Journal]:
    """The last state that was kept of a run that has not ended, and what has happened since.

    Raises:
        ConfigurationError: there is none.
    """
    kept = await saver.aget_tuple({"configurable": {"thread_id": run_id}})
    if kept is None:
        raise no_such_run(run_id)
    values: dict[str, Any] = kept.checkpoint["channel_values"]
    # Killed in its first node, a run has its input and no state of its own yet.
    state = cast("RunState", values.get("__start__", values))
    return state, Journal.found(kept.config, kept.pending_writes)


def past_the_limit(state: RunState) -> dict[str, Any]:
    """The update that takes the limit away and tells the model, if it has answered, to go on."""
    agent = state["mode"] == "agent"
    answered = bool(state["messages"]) and state["messages"][-1]["role"] == "assistant"
    update: dict[str, Any] = {
        "limit": "",
        "cap": "",
        "problem": "",
        "finish_reason": "",
        "answered": False,
        "mistakes": 0,
        "idle": 0,
        "draft": {},
        # Where a limit refused even the call there is nothing to go on from.
        "going_on": answered and not agent and state["finish_reason"] != "limit",
    }
    if answered and agent:
        update["messages"] = [Message("user", prompts.go_on(agent=True)).to_dict()]
    return update
