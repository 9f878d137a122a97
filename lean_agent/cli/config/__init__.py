"""``lean-agent config``: what is set, and where each value comes from."""

from __future__ import annotations

from typing import Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import one_line

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    rich_markup_mode=None, help="Show the settings and where they come from."
)


@app.command()
def show(context: typer.Context, json_: opt.Json = False) -> None:
    """Show every setting's value, and where it comes from. A flag beats them all."""
    from lean_agent.cli.config.resolving import resolve

    rows = [(one.setting, _shown(one.value), one.source) for one in resolve(context.obj)]
    if json_:
        print_json(
            [
                {"key": setting.key, "value": value, "source": source, "variable": setting.variable}
                for setting, value, source in rows
            ]
        )
        return
    print_table(
        ("SETTING", "VALUE", "FROM", "WHAT IT IS"),
        [(setting.key, value, source, setting.about) for setting, value, source in rows],
    )


@app.command()
def path(json_: opt.Json = False) -> None:
    """Say where the configuration file is, or would be."""
    from lean_agent.cli.config.file import config_path

    place = config_path()
    if json_:
        print_json({"path": str(place), "exists": place.exists()})
    else:
        emit(one_line(str(place)) + "\n")


def _shown(value: Any) -> Any:
    from lean_agent._redact import redact

    return redact(value) if isinstance(value, str) else value
