"""Commands that installed packages add: entry points in ``lean_agent.commands``, each a typer app.

They are looked for when a name is none of our own, or when all are listed.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer.main
from typer.core import TyperGroup

from lean_agent.cli.streams import say
from lean_agent.cli.text import one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["CommandGroup"]


class CommandGroup(TyperGroup):
    """Our own commands first; one that does not load costs a line, never another command."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *self._plugged]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in self._plugged:
            return self._loaded(self._plugged[cmd_name])
        return command

    @cached_property
    def _plugged(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points

        found = sorted(entry_points(group="lean_agent.commands"), key=lambda entry: entry.name)
        return {entry.name: entry for entry in found if entry.name not in self.commands}

    def _loaded(self, entry: EntryPoint) -> Any:
        try:
            command = typer.main.get_command(entry.load())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code
            reason = one_line(str(error)) or "no reason given"
            say(f"note: command {entry.name} skipped: {type(error).__name__}: {reason}")
            return None
        command.name = entry.name
        return command
