"""``lean-agent mcp serve``: the agent for other programs, over standard input and output."""

from __future__ import annotations

from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from lean_agent.cli import options as opt
from lean_agent.cli.run_flags import with_run_flags

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lean_agent.agent import Agent
    from lean_agent.cli.running import Outcome
    from lean_agent.tool_spec import Tool

__all__ = ["serve"]

_ABOUT = (
    "Ask an agent a question, or give it a task, in words. It thinks, uses its own tools where"
    " that pays, and stops at a budget. Gives the answer, what it cost and how it ended."
)


@with_run_flags
def serve(*, options: opt.RunOptions) -> int:
    """Offer the agent to other programs, as an MCP server on standard input and output.

    Its one tool, ask, answers a question; limits hold for each call. Nobody can be asked for a yes,
    so only what --allow names may change anything, and of the MCP servers of the configuration file
    only what --allow names or needs no yes is offered to it.
    """
    import asyncio

    from lean_agent.cli.failures import usage_error
    from lean_agent.cli.mcp.servers import offered
    from lean_agent.cli.weights import need_weights

    options.check()
    if options.read_pictures():
        raise usage_error("a picture goes with a question, and here others ask", "leave it out")
    if options.mode != "plan":
        need_weights(*options.models, if_missing="refuse")
    serve_ask = offered("serve")
    asyncio.run(_serve(options, serve_ask))
    return 0


async def _serve(options: opt.RunOptions, serve_ask: Callable[..., Awaitable[None]]) -> None:
    from lean_agent.cli.chat.piped import piped_lines
    from lean_agent.cli.making import make_agent
    from lean_agent.cli.mcp.servers import server_tools
    from lean_agent.cli.running import opened

    async with (
        server_tools() as found,
        opened(make_agent(options, more=_usable(found, options))) as agent,
    ):

        async def ask(question: str, tell: Callable[[int, str], Awaitable[None]]) -> Any:
            return _told(await _answered(agent, question, tell))

        await serve_ask(ask, lines=piped_lines(), about=_ABOUT, reads_only=not options.allow)


def _usable(tools: list[Tool], options: opt.RunOptions) -> list[Tool]:
    """Those of MCP servers that may be called where nobody is asked. The model would read of the
    others at every step, for nothing.
    """
    from lean_agent.cli.streams import say
    from lean_agent.cli.text import count

    named = [*options.tools, *(pattern.partition(":")[0] for pattern in options.allow)]
    usable = [
        tool
        for tool in tools
        if not tool.spec.needs_approval or any(fnmatchcase(tool.spec.name, one) for one in named)
    ]
    if left := len(tools) - len(usable):
        told = f"{count(left, 'tool')} of MCP servers"
        say(f"note: left out, as nobody can be asked: {told}; --allow 'SERVER__*' offers them")
    return usable


async def _answered(
    agent: Agent, question: str, tell: Callable[[int, str], Awaitable[None]]
) -> Outcome:
    """One run to its end, its steps told. Cancelled, it is charged for what it has spent."""
    from lean_agent.cli.failures import describe
    from lean_agent.cli.running import Outcome, Tally
    from lean_agent.errors import LeanAgentError
    from lean_agent.events import StepStarted, ToolStarted

    tally = Tally()
    told = 0
    try:
        async with aclosing(agent.stream(question)) as events:
            async for event in events:
                tally.note(event)
                if isinstance(event, (StepStarted, ToolStarted)):
                    told += 1  # progress may only grow
                    await tell(
                        told,
                        f"step {event.step}"
                        if isinstance(event, StepStarted)
                        else f"calls {event.name}",
                    )
    except LeanAgentError as error:
        return Outcome(error.result or tally.partial("failed"), describe(error))
    return Outcome(tally.result or tally.partial("failed"))


def _told(outcome: Outcome) -> dict[str, Any]:
    """The answer as the caller is given it: the text, a line of what it took, and all of it."""
    from lean_agent.cli.text import cost_line

    result, failure = outcome.result, outcome.failure
    cost = cost_line(
        result.usage,
        seconds=result.seconds,
        mode=result.mode,
        steps=result.steps,
        tool_calls=result.tool_calls,
    )
    status = result.exit_status + (f" ({result.limit})" if result.limit else "")
    return {
        "text": result.text or (failure.message if failure is not None else ""),
        "summary": f"[{status} | {cost}]",
        "details": outcome.to_dict(),
        "failed": result.exit_status == "failed",
    }
