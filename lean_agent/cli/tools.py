"""``lean-agent tools``: what the model may call."""

from __future__ import annotations

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None, help="Show the installed tools.")


@app.command("list")
def list_tools(corpus: opt.Corpus = None, json_: opt.Json = False) -> None:
    """List the installed tools; those over a folder of documents appear with --corpus.

    Those that are offered with --tool NAME are no part of a prompt unless they are named; those
    that ask wait for a yes before each call.
    """
    from lean_agent.plugins import load_corpus_tools, load_optional_tools, load_tools

    opt.RunOptions(corpus=corpus).check()
    tools = list(load_tools(say).values())
    if corpus is not None:
        tools += load_corpus_tools(corpus, say)
    optional = load_optional_tools(report=say)
    specs = [tool.spec for tool in (*tools, *optional.values())]
    if json_:
        print_json(
            [
                {
                    "name": spec.name,
                    "description": spec.description,
                    "parameters": spec.parameters,
                    "side_effects": spec.side_effects,
                    "approval": spec.needs_approval,
                    "optional": spec.name in optional,
                    "timeout": spec.timeout,
                }
                for spec in specs
            ]
        )
        return
    print_table(
        ("TOOL", "OFFERED", "ASKS", "WHAT IT DOES"),
        [
            (
                spec.name,
                "--tool" if spec.name in optional else "always",
                "yes" if spec.needs_approval else "no",
                spec.description.partition("\n")[0],
            )
            for spec in specs
        ],
    )
