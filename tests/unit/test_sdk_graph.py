"""An agent in somebody's own LangGraph graph, and in a notebook."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from support.scripted_runs import ANSWER, SEARCH, agent, rows, searching

from lean_agent import Account, Budget, Ledger, ModelRequest, RunResult, Usage
from lean_agent.ledger import queries


class State(TypedDict):
    question: str
    draft: NotRequired[str]
    answer: NotRequired[str]
    spent: NotRequired[int]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def question(state: State) -> str:
    return state["question"]


def draft(result: RunResult[str]) -> dict[str, Any]:
    return {"draft": result.output}


def answer(result: RunResult[str]) -> dict[str, Any]:
    return {"answer": result.output, "spent": result.usage.total_tokens}


def to_check(state: State) -> str:
    return f"Check: {state.get('draft')}"


def two_agents(ledger: Ledger, account: Account) -> Any:
    common: dict[str, Any] = {"ledger": ledger, "account": account}
    writer, _ = agent(["gallium, I think"], mode="instant", **common)
    checker, _ = agent([SEARCH, ANSWER, "29.8"], tools=[searching()], mode="agent", **common)
    builder: Any = StateGraph(State)
    builder.add_node("write", writer.as_node(task=question, update=draft))
    builder.add_node("check", checker.as_node(task=to_check, update=answer))
    builder.add_edge(START, "write")
    builder.add_edge("write", "check")
    builder.add_edge("check", END)
    return builder


@pytest.mark.parametrize("sync", [True, False], ids=["invoke", "ainvoke"])
def test_agents_are_nodes_under_one_account_with_their_runs_in_the_ledger(
    sync: bool, ledger: Ledger
) -> None:
    account = Account(Budget(tokens=20_000))
    saver = InMemorySaver()
    graph = two_agents(ledger, account).compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "mine"}}
    asked = {"question": "What melts at 29.8 degrees?"}
    state = graph.invoke(asked, config) if sync else asyncio.run(graph.ainvoke(asked, config))
    assert (state["draft"], state["answer"]) == ("gallium, I think", "29.8")
    runs = queries.runs(ledger.folder)
    assert [run["status"] for run in runs] == ["completed", "completed"]
    assert account.spent.tokens == sum(run["input_tokens"] + run["output_tokens"] for run in runs)
    # The graph's checkpoints hold its own state, and none of the runs'.
    kept: list[Any] = list(saver.list(None))
    assert {checkpoint.config["configurable"]["thread_id"] for checkpoint in kept} == {"mine"}
    assert {checkpoint.config["configurable"]["checkpoint_ns"] for checkpoint in kept} == {""}


async def test_a_node_keeps_to_the_budget_of_its_visit(ledger: Ledger) -> None:
    subject, model = agent([SEARCH] * 9, ledger, tools=[searching()], mode="agent")
    node = subject.as_node(task=question, update=answer, budget=Budget(steps=1))
    builder: Any = StateGraph(State)
    builder.add_node("ask", node)
    builder.add_edge(START, "ask")
    await builder.compile().ainvoke({"question": "x"})
    assert len(model.requests) == 1


async def test_the_compiled_graph_stands_for_the_agent(ledger: Ledger) -> None:
    subject, _ = agent(["Canberra"], ledger, mode="instant")
    graph: Any = subject.graph
    state = await graph.ainvoke({"task": "What is the capital?"})
    assert state["output"] == "Canberra"
    assert state["run"]["exit_status"] == "completed"


async def test_a_notebook_with_its_running_loop_runs_to_the_end(ledger: Ledger) -> None:
    subject, _ = agent(["one", "two"], ledger, mode="instant")
    assert subject.run_sync("x").output == "one"
    assert (await subject.run("x")).output == "two"


def test_an_interrupt_in_a_notebook_ends_the_run_and_not_only_the_waiting(ledger: Ledger) -> None:
    async def hang(_request: ModelRequest) -> str:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        await asyncio.sleep(60)
        return "never"

    subject, _ = agent([hang], ledger, mode="instant")

    async def cell() -> None:
        subject.run_sync("x")

    loop = asyncio.new_event_loop()  # as a kernel has it; asyncio.run() takes interrupts itself
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(cell())
    loop.close()
    assert [run["status"] for run in queries.runs(ledger.folder)] == ["interrupted"]


def test_a_notebook_shows_what_a_run_came_to_and_nothing_of_it_is_html(ledger: Ledger) -> None:
    subject, _ = agent(["<script>alert(1)</script> & more"], ledger, mode="instant")
    result = subject.run_sync("x")
    shown = result._repr_html_()  # pyright: ignore[reportPrivateUsage] - notebooks call it
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in shown
    assert "<script" not in shown
    assert f"{result.usage.input_tokens:,} in" in shown
    assert "<td>$0</td>" in shown
    unknown: RunResult[str] = RunResult(
        output="x",
        messages=(),
        usage=Usage(cost=None),
        mode="agent",
        exit_status="limit_exceeded",
        limit="usd",
        steps=1,
        tool_calls=0,
        seconds=1.0,
        run_id="r",
    )
    shown = unknown._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert "<td>unknown</td>" in shown
    assert "limit_exceeded (usd)" in shown


def test_a_notebook_shows_a_ledgers_totals(ledger: Ledger) -> None:
    subject, _ = agent(["a"], ledger, mode="instant")
    (row,) = rows(ledger, subject.run_sync("x"))
    shown = ledger._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert f"<td>scripted:test</td><td>1</td><td>{row['input_tokens']:,}</td>" in shown
    empty = Ledger(ledger.folder / "other")
    assert "Ledger in" in empty._repr_html_()  # pyright: ignore[reportPrivateUsage]
