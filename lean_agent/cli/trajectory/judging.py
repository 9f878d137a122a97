"""``lean-agent trajectory good`` and ``bad``: whether a recorded run did what it was for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import one_line
from lean_agent.cli.trajectory.options import Place, find, source

__all__ = ["bad", "good"]


def good(place: Place, json_: opt.Json = False) -> None:
    """Say that a run did what it was for: then it may be an example, and is kept by filter."""
    _judge(place, passed=True, as_json=json_)


def bad(place: Place, json_: opt.Json = False) -> None:
    """Say that a run did not do what it was for: tasks like its are hard."""
    _judge(place, passed=False, as_json=json_)


def _judge(place: Sequence[str], *, passed: bool, as_json: bool) -> None:
    from lean_agent.trajectory.judging import judge
    from lean_agent.trajectory.recording import Recorder

    found = find(place)
    recorder = Recorder(path=source(Path(place[0]) if len(place) > 1 else None))
    judge(found.id, passed, recorder=recorder)
    if as_json:
        print_json({"id": found.id, "passed": passed})
    else:
        say(one_line(f"noted: {found.id} {'passed' if passed else 'failed'}"))
