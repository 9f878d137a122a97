"""``lean-agent trajectory list``: a line a trajectory."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import clip
from lean_agent.cli.trajectory.options import FileOrOwn, source

if TYPE_CHECKING:
    from lean_agent.trajectory.record import Trajectory

__all__ = ["list_"]

_QUESTION_WIDTH = 60


def list_(
    file: FileOrOwn = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1_000_000, help="How many, at most.")
    ] = 20,
    json_: opt.Json = False,
) -> None:
    """List the trajectories of a file, in its order; your own recorded runs, the newest first."""
    from lean_agent.trajectory.files import read_trajectories

    path = source(file)
    every = read_trajectories(path)
    if file is None:
        found = [*reversed(deque(every, maxlen=limit + 1))]
    else:
        found = [*islice(every, limit + 1)]
    rows = [_row(item) for item in found[:limit]]
    if json_:
        print_json(rows)
        return
    if not rows:
        say(f"no trajectories in {path}")
        return
    print_table(
        ("ID", "PASSED", "REWARD", "TURNS", "ACTIONS", "TOKENS", "COST", "QUESTION"),
        [(*list(row.values())[:-1], clip(str(row["question"]), _QUESTION_WIDTH)) for row in rows],
    )
    if len(found) > limit:
        say(f"there are more than {limit}: --limit shows them")


def _row(found: Trajectory) -> dict[str, Any]:
    return {
        "id": found.id,
        "passed": found.passed,
        "reward": found.reward,
        "turns": found.turns,
        "actions": found.actions,
        "tokens": found.usage.tokens,
        "cost": found.usage.cost,
        "question": found.question,
    }
