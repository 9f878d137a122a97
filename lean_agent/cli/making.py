"""The agent that a command's options make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lean_agent.agent import Agent
    from lean_agent.approval import Approve
    from lean_agent.cli.options import RunOptions
    from lean_agent.model import Model
    from lean_agent.tool_spec import Tool

__all__ = ["make_agent", "resolve_models"]

_GLOB = frozenset("*?[")


def make_agent(
    options: RunOptions,
    *,
    checkpoints: Path | str | None = None,
    approve: Approve | None = None,
    more: Sequence[Tool] = (),
) -> Agent:
    """An agent with the tools that the options name or give something to work on, and ``more``.

    Raises:
        ConfigurationError: there is no such model or tool.
    """
    from lean_agent import Agent
    from lean_agent._paths import cache_dir
    from lean_agent.cli.mcp.servers import of_servers_there
    from lean_agent.cli.streams import say
    from lean_agent.cli.telemetry import observed_ledger
    from lean_agent.models.response_cache import ResponseCache
    from lean_agent.plugins import load_corpus_tools, load_optional_tools, load_tools
    from lean_agent.trajectory.memory import Memory

    options = of_servers_there(options, more)
    roots = [path.resolve() for path in (options.corpus, *options.texts) if path is not None]
    # Search comes first: a small model prefers what it reads first.
    corpus_tools = load_corpus_tools(options.corpus, say) if options.corpus is not None else []
    tools = {tool.spec.name: tool for tool in corpus_tools}
    tools |= {n: t for n, t in load_tools(say).items() if n not in tools}
    if not roots:
        for name in ("list_files", "read_file"):
            tools.pop(name, None)
    tools |= {tool.spec.name: tool for tool in more}
    named = [*options.tools, *(pattern.partition(":")[0] for pattern in options.allow)]
    wanted = [name for name in named if name not in tools and not _GLOB.intersection(name)]
    tools |= load_optional_tools(wanted, say)
    model, *cascade = resolve_models(options)
    return Agent(
        model=model,
        cascade=cascade,
        tools=list(tools.values()),
        budget=options.budget(),
        mode=options.mode,
        reasoning=options.reasoning,
        quality=options.quality,
        instructions=_instructions(options),
        ledger=observed_ledger(),
        roots=roots,
        checkpoints=checkpoints,
        cache=ResponseCache(cache_dir() / "responses.sqlite") if options.cache else None,
        show_budget=options.show_budget,
        allow=options.allow,
        approve=approve,
        record=options.record,
        memory=Memory() if options.memory else None,
    )


def resolve_models(options: RunOptions) -> list[Model]:
    """The model, and those of its cascade. The address is that of the model's own provider.

    Raises:
        ConfigurationError: there is no such model, or no key for it.
    """
    from lean_agent.models.registry import resolve_model

    def address(model: str) -> str | None:
        same = model.partition(":")[0] == options.model.partition(":")[0]
        return options.base_url if same else None

    return [resolve_model(model, base_url=address(model)) for model in options.models]


def _instructions(options: RunOptions) -> str:
    if not options.texts:
        return options.system
    names = [file.name for file in options.texts]
    unique = len(set(names)) == len(names)
    told = names if unique else [str(file.resolve()) for file in options.texts]
    # A name need not be text that can be sent.
    listed = "\n".join(f"- {name}" for name in told).encode("utf-8", "replace").decode()
    return f"{options.system}\n\nThe user gave these files to read:\n{listed}".strip()
