"""``lean-agent sessions``: the conversations that were saved."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from lean_agent.cli import completing
from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import money, one_line

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None, help="List and delete saved conversations.")


@app.command("list")
def list_sessions(json_: opt.Json = False) -> None:
    """List the saved conversations, the last used first."""
    from lean_agent.cli.chat.conversation import saved_conversations

    saved = saved_conversations()
    if json_:
        print_json(
            [
                {
                    "name": one.name,
                    "session_id": one.session_id,
                    "branch_of": one.branch_of or None,
                    "last_used": one.last_used,
                    "model": one.options.model,
                    "answers": one.answers,
                    "usage": one.usage.to_dict(),
                }
                for one in saved
            ]
        )
    elif saved:
        print_table(
            ("NAME", "LAST USED (UTC)", "MODEL", "ANSWERS", "COST", "BRANCH OF"),
            [
                (
                    one.name,
                    time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.last_used)),
                    one.options.model,
                    one.answers,
                    money(one.usage),
                    one.branch_of or None,
                )
                for one in saved
            ],
        )
    else:
        say("there is no saved session")


@app.command("rm")
def remove(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The session's name.", autocompletion=completing.sessions
        ),
    ],
    json_: opt.Json = False,
) -> None:
    """Delete a saved conversation."""
    from lean_agent.cli.chat.conversation import find_saved

    found = find_saved(name)
    found.forget()
    if json_:
        print_json({"removed": found.name})
    else:
        say(one_line(f"removed: {found.name}"))
