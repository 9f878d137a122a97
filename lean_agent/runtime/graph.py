"""The graph.

    START -> gate -> instant ---------------------\\
                 \\-> reason --------------------- verify -> END
                 \\-> think -> act -> think ...     |
                          \\-> answer -------------/     verify escalates: next mode up

Every path ends in verify, and every model call on the way goes through the meter.
"""

# pyright: reportUnknownMemberType=false
# langgraph's overloads of add_node leave a cache policy's type open.

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from lean_agent.runtime import acting, answering, checking
from lean_agent.runtime.scope import RunScope
from lean_agent.runtime.state import RunState

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["compiled"]


class _Node(Protocol):
    async def __call__(self, state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]: ...


def _by_mode(state: RunState) -> str:
    return "think" if state["mode"] == "agent" else state["mode"]


def _charged(node: _Node) -> _Node:
    """The node, with what a resumed run has to know: what is spent by now, under what cap."""

    @wraps(node)
    async def charged(state: RunState, runtime: Runtime[RunScope]) -> dict[str, Any]:
        update = await node(state, runtime)
        meter = runtime.context.meter
        if limit := update.get("limit"):
            update["cap"] = await meter.spending.own_cap(limit)
        return {**update, "spent": meter.spent()}

    return charged


def _builder() -> StateGraph[RunState, RunScope, RunState, RunState]:
    graph = StateGraph(RunState, context_schema=RunScope)
    graph.add_node("gate", _charged(checking.gate))
    graph.add_node("instant", _charged(answering.instant))
    graph.add_node("reason", _charged(answering.reason))
    graph.add_node("think", _charged(acting.think))
    graph.add_node("act", _charged(acting.act))
    graph.add_node("answer", _charged(answering.answer))
    graph.add_node("verify", _charged(checking.verify))
    graph.add_edge(START, "gate")
    graph.add_conditional_edges("gate", _by_mode, ["instant", "reason", "think"])
    graph.add_edge("instant", "verify")
    graph.add_edge("reason", "verify")
    graph.add_conditional_edges(
        "think", acting.next_after_think, ["think", "act", "answer", "verify"]
    )
    graph.add_conditional_edges("act", acting.next_after_act, ["think", "answer"])
    graph.add_edge("answer", "verify")
    graph.add_conditional_edges(
        "verify",
        checking.next_after_verify,
        {"reason": "reason", "think": "think", "finish": END},
    )
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
