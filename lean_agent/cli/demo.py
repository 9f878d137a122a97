"""``lean-agent demo``: the whole path once, on the embedded model, with every number shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import at_terminal, say
from lean_agent.cli.text import money

if TYPE_CHECKING:
    from lean_agent.result import RunResult

__all__ = ["QUESTION", "demo"]

QUESTION = (
    "Search the documents for the price of one night with the 40 cm telescope, "
    "then calculate the price of 7 nights."
)

_NEXT = """\
How to go on:
  lean-agent ask --corpus examples/corpus "Search: when does the last bus leave?"
  lean-agent ask --corpus DIR "..."   over your own documents
  lean-agent chat                     questions that know of each other
  lean-agent ledger summary           what everything has cost so far
  lean-agent --help                   every command"""


def demo(
    model: opt.ModelName = opt.DEFAULT_MODEL,
    base_url: opt.BaseUrl = None,
) -> int:
    """Answer a question over the example documents, then open the chat."""
    import asyncio

    from lean_agent.cli.weights import need_weights

    corpus = _corpus()
    options = opt.RunOptions(model=model, base_url=base_url, corpus=corpus)
    options.check()
    need_weights(model, if_missing="fetch")
    say(f"Documents: {_from_here(corpus)} ({len(list(corpus.iterdir()))} files)")
    say(f"Model:     {model}")
    say(f"Question:  {QUESTION}")
    return asyncio.run(_demo(options))


async def _demo(options: opt.RunOptions) -> int:
    from lean_agent.cli.making import make_agent
    from lean_agent.cli.running import follow, opened
    from lean_agent.cli.view import View

    async with opened(make_agent(options)) as agent:
        view = View()
        outcome = await follow(lambda stop: agent.stream(QUESTION, stop=stop), view)
        view.finish(outcome.result, cost=False)
        say(_account(outcome.result))
        if outcome.failure is not None:
            outcome.failure.print()
            return outcome.exit_code
        say(_NEXT)
        if at_terminal():
            from lean_agent.cli.chat import converse
            from lean_agent.cli.chat.conversation import Conversation

            say("")
            return await converse(Conversation(options=options))
    return outcome.exit_code


def _from_here(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _account(result: RunResult) -> str:
    usage = result.usage
    cached = usage.cache_read_input_tokens
    return "\n".join(
        (
            "",
            f"mode    {result.mode} ({result.mode_reason})",
            f"steps   {result.steps} model calls, {result.tool_calls} tool calls",
            f"tokens  {usage.input_tokens - cached:,} uncached / {cached:,} cached"
            f" / {usage.output_tokens:,} output",
            f"time    {result.seconds:.1f} s",
            f"cost    {money(usage)}",
            f"run     {result.run_id} (lean-agent ledger show {result.run_id})",
            "",
        )
    )


def _corpus() -> Path:
    folder = Path(__file__).resolve().parents[2] / "examples" / "corpus"
    if not folder.is_dir():
        raise usage_error(
            "the demo's documents come with the source code, not with the installed package",
            "clone the repository and run: make run; or use your own: lean-agent ask --corpus DIR",
        )
    return folder
