"""``lean-agent trajectory export``: examples for training."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import one_line
from lean_agent.cli.trajectory.options import File, Good, Out, check_out

__all__ = ["export"]


def export(
    file: File,
    out: Out,
    format_: Annotated[
        Literal["chat", "dpo", "kto"],
        typer.Option("--format", help="OpenAI chat, preference pairs, or labelled completions."),
    ] = "chat",
    good: Good = 0.9,
    json_: opt.Json = False,
) -> None:
    """Write examples for training, without secrets, and a data card beside them."""
    from lean_agent.errors import ConfigurationError
    from lean_agent.trajectory.exporting.card import card
    from lean_agent.trajectory.exporting.examples import export_file

    check_out(out, file)
    told = export_file(file, out, format_, good=good)
    beside = out.with_name(f"{out.name}.card.md")
    try:
        beside.write_text(card(told, out), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{beside} cannot be written: {error.strerror}") from error
    left_out = {why: count for why, count in told.left_out.items() if count}
    if json_:
        print_json(
            {
                "path": out,
                "card": beside,
                "format": format_,
                "trajectories": told.trajectories,
                "examples": told.examples,
                "left_out": left_out,
                "scrubbed": told.scrubbed,
            }
        )
        return
    say(one_line(f"{told.examples:,} examples written to {out}, what they are to {beside}"))
    for why, count in sorted(left_out.items()):
        say(f"  left out: {count:,} {why}")
