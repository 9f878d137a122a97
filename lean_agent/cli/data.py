"""``lean-agent data``: everything that is kept on this machine, shown, and removed where wanted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from lean_agent import _paths
from lean_agent.cli import options as opt
from lean_agent.cli.config.file import near
from lean_agent.cli.failures import usage_error
from lean_agent.cli.removing import agreed, list_what_goes
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import count, one_line, size

__all__ = ["app"]

_WEIGHTS = "weights"
_SENT = (
    "Nothing of this is sent anywhere. A question, with its files and what tools found, goes to"
    " the model that you choose and nowhere else."
)

app: typer.Typer = typer.Typer(
    rich_markup_mode=None, help="Show and remove what is kept on this machine."
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Files that are of one use: those in ``folder`` that fit one of the ``patterns``.

    ``kept`` are not ours to remove: the person wrote them, or they hold a limit in force.
    """

    name: str
    holds: str
    folder: Path
    patterns: tuple[str, ...]
    kept: bool = False

    def paths(self) -> list[Path]:
        """The files and folders that there are."""
        return sorted({path for pattern in self.patterns for path in self.folder.glob(pattern)})


@dataclass(frozen=True, slots=True)
class _Found:
    kind: _Kind
    paths: list[Path]
    files: int
    bytes: int

    @property
    def where(self) -> str:
        place = self.paths[0] if len(self.paths) == 1 else self.kind.folder
        home = Path.home()
        return f"~/{place.relative_to(home)}" if place.is_relative_to(home) else str(place)

    def row(self) -> tuple[str, str, int, str, str]:
        return self.kind.name, size(self.bytes), self.files, self.where, self.kind.holds


def _kinds() -> list[_Kind]:
    cache, state, config = _paths.cache_dir(), _paths.state_dir(), _paths.config_dir()
    ledger, memory = _paths.ledger_dir(), _paths.memory_dir()
    planners, domains = _paths.planners_dir(), _paths.domains_dir()
    runs = _paths.trajectories_file()
    entries = ("segments", "compacted", "compacting", "damaged", "compaction.lock")
    return [
        _Kind(_WEIGHTS, "models that run here", cache, ("models",)),
        _Kind("indexes", "indexes of your documents, with their text", cache, ("indexes",)),
        _Kind("responses", "answers of models, for --cache", cache, ("responses.sqlite*",)),
        _Kind("sessions", "conversations: questions and answers", state, ("sessions",)),
        _Kind(
            "runs", "runs that can be resumed, with their text", state,
            ("runs", "checkpoints.sqlite*"),
        ),
        _Kind("history", "what was typed in chat", state, ("chat_history",)),
        _Kind("formats", "how each model calls tools", state, ("action_formats*",)),
        _Kind("logs", "what the embedded engine reported", state, ("engine",)),
        _Kind("ledger", "what calls took and cost; no text", ledger, entries),
        _Kind("outcomes", "judgements of runs: /good, /bad", ledger, ("outcomes.jsonl",)),
        _Kind("recordings", "runs of --record, with their text", runs.parent, (f"*{runs.name}*",)),
        _Kind("memory", "earlier runs, for --memory", memory.parent, (memory.name,)),
        _Kind("planners", "planners that a model has written", planners.parent, (planners.name,)),
        _Kind(
            "caps", "caps of the day and month, and what counts against them", ledger,
            ("caps", "budgets.sqlite*"), kept=True,
        ),
        _Kind("domains", "planning domains of yours", domains.parent, (domains.name,), kept=True),
        _Kind("settings", "settings, prices and profiles of yours", config, ("*",), kept=True),
    ]  # fmt: skip


def _names() -> list[str]:
    return [kind.name for kind in _kinds() if not kind.kept]


@app.command()
def show(json_: opt.Json = False) -> None:
    """Show every kind of data that is kept here: where it is, how much, and what it holds."""
    found = [*_found(_kinds()), *_others()]
    if json_:
        print_json([_plain(one) for one in found])
        return
    if found:
        print_table(("KIND", "SIZE", "FILES", "WHERE", "WHAT IT HOLDS"), [f.row() for f in found])
    else:
        say("nothing is kept here yet")
    say(_SENT)


@app.command()
def purge(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND",
            help="As show tells them.",
            show_default=False,
            autocompletion=_names,
        ),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every kind but the weights, which must be named.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: opt.Json = False,
) -> None:
    """Remove data of some kinds, or all. It shows what would go, and asks first.

    Caps, settings and domains stay: they are yours, or hold a limit that is in force.
    """
    going = _found(_chosen(kinds or [], every=all_))
    if going and not json_:
        list_what_goes(
            ("KIND", "SIZE", "FILES", "WHERE", "WHAT IT HOLDS"), [one.row() for one in going]
        )
    files = sum(one.files for one in going)
    if going and not (yes or agreed(files, "file")):
        say("nothing was removed")
        return
    for one in going:
        _remove(one.paths)
    if json_:
        print_json([_plain(one) for one in going])
    else:
        freed = size(sum(one.bytes for one in going))
        say(f"{count(files, 'file')} removed, {freed}" if going else "there is none of it")


def _chosen(names: Sequence[str], *, every: bool) -> list[_Kind]:
    known = {kind.name: kind for kind in _kinds()}
    if not names and not every:
        raise usage_error("which kind is not said", f"one of {', '.join(_names())}, or --all")
    for name in names:
        if name not in known:
            raise usage_error(f"no kind {name!r}", near(name, _names()))
        if known[name].kept:
            place = known[name].folder
            raise usage_error(f"{name} are yours to remove", one_line(f"they are in {place}"))
    return [
        kind
        for kind in known.values()
        if kind.name in names or (every and not kind.kept and kind.name != _WEIGHTS)
    ]


def _found(kinds: Iterable[_Kind]) -> list[_Found]:
    found = (_measured(kind, kind.paths()) for kind in kinds)
    return [one for one in found if one.paths]


def _others() -> Iterator[_Found]:
    """Whatever else lies in our folders, so that nothing is left untold."""
    known = {path for kind in _kinds() for path in kind.paths()}
    inner = {kind.folder for kind in _kinds()}
    data = _paths.trajectories_file().parent
    for folder in (_paths.cache_dir(), _paths.state_dir(), data):
        kind = _Kind("other", "not of a kind that is known", folder, ("*",), kept=True)
        paths = [path for path in kind.paths() if path not in known and path not in inner]
        if paths:
            yield _measured(kind, paths)


def _measured(kind: _Kind, paths: list[Path]) -> _Found:
    sizes = [file.lstat().st_size for path in paths for file in _files(path)]
    return _Found(kind, paths, len(sizes), sum(sizes))


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for here, _folders, names in os.walk(path):
        yield from (Path(here, name) for name in names)


def _remove(paths: Iterable[Path]) -> None:
    """Files and folders; of a link the link alone."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _plain(found: _Found) -> dict[str, Any]:
    return {
        "kind": found.kind.name,
        "holds": found.kind.holds,
        "paths": [str(path) for path in found.paths],
        "files": found.files,
        "bytes": found.bytes,
        "removable": not found.kind.kept,
    }
