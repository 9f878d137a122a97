"""``lean-agent trajectory replay``: a recorded run once more, as it went, without a model."""

from __future__ import annotations

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import clean, one_line
from lean_agent.cli.trajectory.options import Place, find

__all__ = ["replay"]


def replay(place: Place, json_: opt.Json = False) -> None:
    """Play a recorded run again: its events in order, with what was spent by then.

    No model and no tool is called. The answer goes to standard output, as it did.
    """
    from lean_agent.cli.trajectory.played import plain, told
    from lean_agent.trajectory.replaying import replayed

    found = find(place)
    if json_:
        print_json([plain(event) for event in replayed(found)])
        return
    say(one_line(f"question: {found.question}"))
    for event in replayed(found):
        if line := told(event):
            say(line)
    if answer := clean(found.output).strip():
        emit(f"{answer}\n")
    if found.ending:
        say(one_line(f"ended: {found.ending}"))
