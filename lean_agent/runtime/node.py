"""An agent as a node of somebody's own LangGraph graph."""

# pyright: reportUnknownMemberType=false
# langgraph's overloads of add_node leave a cache policy's type open.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph

from lean_agent.result import OutputT, RunResult

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["AgentNode", "NodeState", "StateT", "graph_of"]

StateT = TypeVar("StateT")


class NodeState(TypedDict, total=False):
    """``task`` goes in; ``output`` and ``run`` (``RunResult.to_dict()``) come out."""

    task: str
    output: Any
    run: dict[str, Any]


class AgentNode(Runnable[StateT, dict[str, Any]], Generic[StateT, OutputT]):
    """Each visit is a run of its own: ``task`` reads it from the state, ``update`` says what of its
    result the state takes up.

    The run's states are its own: neither the graph around it nor its checkpoints get to see them.
    """

    def __init__(
        self,
        run: Callable[[str], Awaitable[RunResult[OutputT]]],
        run_sync: Callable[[str], RunResult[OutputT]],
        task: Callable[[StateT], str],
        update: Callable[[RunResult[OutputT]], Mapping[str, Any]],
    ) -> None:
        self._run = run
        self._run_sync = run_sync
        self._task = task
        self._update = update

    def invoke(
        self,
        input: StateT,  # noqa: A002 - Runnable calls it so
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        del config, kwargs
        return dict(self._update(self._run_sync(self._task(input))))

    async def ainvoke(
        self,
        input: StateT,  # noqa: A002 - Runnable calls it so
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        del config, kwargs
        return dict(self._update(await self._run(self._task(input))))


def graph_of(
    run: Callable[[str], Awaitable[RunResult[Any]]], run_sync: Callable[[str], RunResult[Any]]
) -> CompiledStateGraph[NodeState, None, NodeState, NodeState]:
    """A compiled graph of one node, for what takes only such."""

    def task(state: NodeState) -> str:
        return state.get("task", "")

    def update(result: RunResult[Any]) -> NodeState:
        told = result.to_dict()
        return {"output": told["output"], "run": told}

    builder = StateGraph(NodeState)
    builder.add_node("agent", AgentNode(run, run_sync, task, update))
    builder.add_edge(START, "agent")
    builder.add_edge("agent", END)
    return builder.compile()
