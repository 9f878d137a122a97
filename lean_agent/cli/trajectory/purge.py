"""``lean-agent trajectory purge``: recorded runs are removed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.removing import agreed, list_what_goes, named
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import clip, count, one_line

if TYPE_CHECKING:
    from lean_agent.trajectory.record import Trajectory

__all__ = ["purge"]

_QUESTION_WIDTH = 60


@dataclass(frozen=True, slots=True)
class _Run:
    id: str
    recorded: float
    question: str

    @classmethod
    def of(cls, found: Trajectory) -> _Run:
        return cls(found.id, found.source.recorded, clip(found.question, _QUESTION_WIDTH))

    @property
    def date(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.recorded))


def purge(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Ids of runs, or how they begin.", show_default=False),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Those of before that."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every one.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Of a Recorder's file; else your own runs."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: opt.Json = False,
) -> None:
    """Remove recorded runs: some by their ids, those older than so many days, or all.

    It lists them and asks first.
    """
    from lean_agent.trajectory.files import read_trajectories
    from lean_agent.trajectory.recording import Recorder, days_ago

    if (bool(runs), older_than is not None, all_).count(True) != 1:
        raise usage_error(
            "which runs is not said, or said twice", "name RUNs, or give --older-than DAYS or --all"
        )
    recorder = Recorder(path=file)
    missing = file is None and not recorder.file.exists()
    kept = [] if missing else [_Run.of(found) for found in read_trajectories(recorder.file)]
    if runs:
        by_id = {run.id: run for run in kept}
        going = named(runs, by_id, "run", listed="lean-agent trajectory list")
    else:
        until = None if older_than is None else days_ago(older_than)
        going = [run for run in kept if until is None or run.recorded < until]
    if going and not json_:
        rows = [(run.id, run.date, run.question) for run in going]
        list_what_goes(("RUN", "RECORDED (UTC)", "QUESTION"), rows)
    if going and not (yes or agreed(len(going), "run")):
        say("nothing was removed")
        return
    removed = recorder.forget({run.id for run in going}) if going else 0
    if json_:
        print_json({"path": recorder.file, "removed": [run.id for run in going]})
    else:
        say(one_line(f"{count(removed, 'run')} removed from {recorder.file}"))
