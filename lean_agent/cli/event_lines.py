"""A run as JSON lines, for programs: one object for each event, as it comes.

Each has ``event``, the event's name; the last of a run is ``run_finished``, with all that
``ask --json`` prints, and is there however the run ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lean_agent.cli.streams import emit
from lean_agent.cli.text import to_json
from lean_agent.cli.view import View
from lean_agent.events import Event, RunFinished
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.cli.failures import Failure
    from lean_agent.result import RunResult

__all__ = ["EventLines"]

_CAPITAL = re.compile(r"(?<=.)(?=[A-Z])")


class EventLines(View):
    """A view that gives standard output every event instead of the answer."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet, live=False)

    def show(self, event: Event) -> None:
        """Print one event; of the end ``finish`` knows more."""
        if not isinstance(event, RunFinished):
            name = _CAPITAL.sub("_", type(event).__name__).lower()
            facts = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
            _emit(name, facts)
        super().show(event)

    def finish(
        self, result: RunResult, *, failure: Failure | None = None, cost: bool = True
    ) -> None:
        """The last line of a run."""
        error = {} if failure is None else {"error": failure.to_dict()}
        _emit("run_finished", {**result.to_dict(), **error})
        if cost:
            self.cost(result)


def _emit(name: str, facts: Mapping[str, Any]) -> None:
    emit(to_json({"event": name, **facts}, indent=None) + "\n")


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Usage) else value
