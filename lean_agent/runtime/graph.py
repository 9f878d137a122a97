"""The graph.

    START -> gate -> instant ---------------------\\
                 \\-> reason --------------------- verify -> mend -> END
                 \\-> plan -----------------------/  |       | ^
                 \\-> think -> act -> think ...     |       \\-/ an answer of another form
                     |         \\-> draft -> think  |     verify escalates: next mode up
                     |                 \\----------/
                     \\-> answer -----------------/

Every path goes through verify (to END where no form was asked for), and every model call on the
way through the meter.
"""

# pyright: reportUnknownMemberType=false
# langgraph's overloads of add_node leave a cache policy's type open.

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Protocol, cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from lean_agent.errors import ModelError
from lean_agent.runtime import (
    acting,
    answering,
    checking,
    drafting,
    mending,
    planning,
    reasoning,
)
from lean_agent.runtime.making_room import Node, with_room
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["by_mode", "compiled"]


_Choice = Callable[[RunState], str]


class _Routed(Protocol):
    async def __call__(self, state: RunState, runtime: Runtime[RunScope]) -> Command[str]: ...


def by_mode(state: RunState) -> str:
    """Where a run begins its work, and where one that a limit had ended goes on."""
    return "think" if state["mode"] == "agent" else state["mode"]


def _charged(node: Node, choose: _Choice) -> _Routed:
    """The node, with what a resumed run has to know: what is spent by now, under what cap, and
    what a person has allowed.

    It says itself where the run goes on: a conditional edge would have the whole state built again,
    in a thread, for a choice that takes microseconds.
    """

    @wraps(node)
    async def charged(state: RunState, runtime: Runtime[RunScope]) -> Command[str]:
        update = await _worked(node, state, runtime)
        meter, approvals = runtime.context.meter, runtime.context.approvals
        if limit := update.get("limit"):
            update["cap"] = await meter.spending.own_cap(limit)
        # No choice looks at what is appended (messages, trajectory).
        after = cast("RunState", {**state, **update})
        told = {"spent": meter.spent(), "allowed": list(approvals.always)}
        return Command(update={**update, **told}, goto=choose(after))

    return charged


async def _worked(node: Node, state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
    """The node's update; where its model fails, of the node done anew with the next one."""
    while True:
        try:
            return await node(state, runtime)
        except ModelError as error:
            if not runtime.context.fall_back(error):
                raise


def _to_verify(_state: RunState) -> str:
    return "verify"


_NODES: dict[str, tuple[Node, _Choice, tuple[str, ...]]] = {
    "gate": (checking.gate, by_mode, ("instant", "reason", "plan", "think")),
    "instant": (with_room(answering.instant), _to_verify, ("verify",)),
    "reason": (with_room(reasoning.reason), _to_verify, ("verify",)),
    "plan": (planning.plan, _to_verify, ("verify",)),
    "think": (
        with_room(acting.think, acting=True),
        acting.next_after_think,
        ("think", "act", "answer", "verify"),
    ),
    "act": (acting.act, acting.next_after_act, ("think", "draft", "answer")),
    "draft": (drafting.draft, drafting.next_after_draft, ("think", "verify")),
    "answer": (drafting.kept_or(answering.answer), _to_verify, ("verify",)),
    "verify": (checking.verify, checking.next_after_verify, ("reason", "think", "mend", END)),
    "mend": (mending.mend, mending.next_after_mend, ("mend", END)),
}


def _builder() -> StateGraph[RunState, RunScope, RunState, RunState]:
    graph = StateGraph(RunState, context_schema=RunScope)
    for name, (node, choose, destinations) in _NODES.items():
        graph.add_node(name, _charged(node, choose), destinations=destinations)
    graph.add_edge(START, "gate")
    return graph


@lru_cache(maxsize=1)
def _without_checkpoints() -> CompiledStateGraph[Any, RunScope, Any, Any]:
    return _builder().compile()


def compiled(
    checkpointer: BaseCheckpointSaver[Any] | None = None,
) -> CompiledStateGraph[Any, RunScope, Any, Any]:
    """The runnable graph; the one without checkpoints is built once per process."""
    if checkpointer is None:
        return _without_checkpoints()
    return _builder().compile(checkpointer=checkpointer)
