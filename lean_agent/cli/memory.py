"""``lean-agent memory``: what is remembered of earlier runs; off unless a run is given --memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.removing import agreed, list_what_goes, named
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import clean, clip, count, one_line

if TYPE_CHECKING:
    from lean_agent.trajectory.episodes import Episode
    from lean_agent.trajectory.memory import Memory

__all__ = ["app"]

_QUESTION_WIDTH = 60
_COLUMNS = ("ID", "REMEMBERED (UTC)", "QUESTION")

app: typer.Typer = typer.Typer(
    rich_markup_mode=None,
    help="See and delete what is remembered of earlier runs (ask --memory, chat --memory).",
)

Name = Annotated[str, typer.Argument(metavar="ID", help="As list tells it, or how it begins.")]


@app.command("list")
def list_(json_: opt.Json = False) -> None:
    """List what is remembered, the newest first."""
    found = _memory().episodes.all()
    if json_:
        print_json([_plain(episode) for episode in found])
    elif found:
        print_table(_COLUMNS, [_row(episode) for episode in found])
    else:
        say("nothing is remembered")


@app.command()
def show(name: Name, json_: opt.Json = False) -> None:
    """Show all that is remembered of one run."""
    (found,) = _named([name])
    if json_:
        print_json(_plain(found))
        return
    emit(f"{one_line(f'run {found.run_id}, {_date(found)}')}\n{clean(found.title)}\n")
    emit(f"{clean(found.text)}\n")


@app.command()
def delete(
    names: Annotated[
        list[str], typer.Argument(metavar="ID", help="As list tells them, or how they begin.")
    ],
    json_: opt.Json = False,
) -> None:
    """Forget some of it, at once."""
    _forget(_named(names), as_json=json_)


@app.command()
def purge(
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="What is of before that."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: opt.Json = False,
) -> None:
    """Forget what is older than so many days, or everything. It lists that and asks first."""
    from lean_agent.trajectory.recording import days_ago

    if (older_than is not None) == all_:
        raise usage_error("what to forget is not said", "give either --older-than DAYS or --all")
    until = None if older_than is None else days_ago(older_than)
    going = [e for e in _memory().episodes.all() if until is None or e.remembered < until]
    if going and not json_:
        list_what_goes(_COLUMNS, [_row(episode) for episode in going])
    if going and not (yes or agreed(len(going), "episode")):
        say("nothing was forgotten")
        return
    _forget(going, as_json=json_)


def _memory() -> Memory:
    from lean_agent.trajectory.memory import Memory

    return Memory()


def _named(names: Sequence[str]) -> list[Episode]:
    kept = {episode.id: episode for episode in _memory().episodes.all()}
    return named(names, kept, "id", listed="lean-agent memory list")


def _forget(going: Sequence[Episode], *, as_json: bool) -> None:
    removed = _memory().forget([episode.id for episode in going])
    if as_json:
        print_json({"forgotten": [episode.id for episode in going]})
    else:
        say(f"{count(removed, 'episode')} forgotten")


def _plain(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.id,
        "question": episode.title,
        "text": episode.text,
        "run_id": episode.run_id,
        "remembered": episode.remembered,
    }


def _row(episode: Episode) -> tuple[str, str, str]:
    return episode.id, _date(episode), clip(episode.title, _QUESTION_WIDTH)


def _date(episode: Episode) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(episode.remembered))
