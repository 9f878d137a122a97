"""What a person sees of a run while it goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lean_agent.cli.foot import Foot
from lean_agent.cli.prose import Prose
from lean_agent.cli.run_status import RunStatus
from lean_agent.cli.spinner import Spinner
from lean_agent.cli.streams import emit, is_terminal, say, styled, terminal_columns
from lean_agent.cli.text import clean, clip, cost_line, folded, money, one_line
from lean_agent.cli.theme import THEMES, Theme, paint, theme_for
from lean_agent.events import (
    ContextCompacted,
    CostUpdated,
    Event,
    ModeChosen,
    Notice,
    StepStarted,
    Token,
    ToolFinished,
    ToolStarted,
)

if TYPE_CHECKING:
    from lean_agent.cli.failures import Failure
    from lean_agent.result import RunResult

__all__ = ["View", "call_line"]

_UNSEEN_WIDTH = 120  # columns of a line that goes to a file
_SPINNER_WIDTH = 3


class View:
    """Shows a run's events: the answer on standard output, the rest on standard error.

    On a terminal the answer appears as it is written. Anywhere else it is printed once, when it is
    final, because a check may still withdraw it; so it is where ``live`` is off (--json).
    ``quiet`` leaves only the answer and notices; ``plain`` writes no codes, breaks no line and has
    none that changes. ``status`` is told of every event.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        live: bool = True,
        plain: bool = False,
    ) -> None:
        self.status: RunStatus = RunStatus()
        self._live = live and is_terminal(sys.stdout)
        self._quiet = quiet
        self.plain = plain
        self._watched = is_terminal(sys.stderr) and not quiet
        self._styled = styled(sys.stderr) and not plain
        theme_for(sys.stderr)  # a wrong name is refused before anything is paid for
        self._prose: Prose | None = None  # of the answer that is being written
        changes = self._live and self._styled and not quiet and styled(sys.stdout)
        self._foot = Foot(self._beneath, terminal_columns) if changes else None
        self._streamed: list[str] = []  # the answer so far, of the model call that goes on
        self._attempt_over = False  # and charged: what comes next is another one
        self._finished: dict[str, str] = {}  # the last run's id and answer
        self._open_line = False
        self._spinner: Spinner | None = None
        self._doing = ""

    def start(self) -> None:
        """Show that work goes on, before there is anything to tell of it."""
        self._begin_anew()
        self._wait("starting")

    def show(self, event: Event) -> None:
        """Show one event of a run."""
        self.status.note(event)
        match event:
            case Token(text, "answer") if self._live:
                if self._attempt_over:
                    self.note("note: the answer was cut off, and begins anew", always=True)
                    self._begin_anew()
                self._write(clean(text))
            case Token():
                self._doing = "writing"
            case CostUpdated():
                self._attempt_over = bool(self._streamed)
            case ModeChosen(mode, reason):
                self._begin_anew()
                self.note(f"{mode} mode" + (f": {reason}" if reason else ""))
                self._wait("starting")
            case StepStarted():
                self._begin_anew()
                self.pause()
                self._wait("thinking")
            case ToolStarted(_, name, arguments):
                self._begin_anew()
                self._trace("  ", call_line(name, arguments), self._theme.tool)
                self._wait(f"running {name}")
            case ToolFinished(_, _, output, is_error, served, seconds, unknown):
                outcome = "failed" if is_error else "served again" if served else "ok"
                outcome = "unknown" if unknown else outcome
                facts = [outcome, f"{seconds:.2f} s", self.status.newly_spent()]
                how = self._theme.removed if is_error else self._theme.aside
                head = ", ".join(fact for fact in facts if fact)
                self._trace("    ", f"{head}: {output}", how, lines=output.count("\n") + 1)
                self._wait(self._doing)
            case ContextCompacted(before, after, reason):
                why = "its window was full" if reason == "full" else "that pays"
                self._aside(f"context compacted, as {why}: {before:,} -> {after:,} tokens")
            case Notice(message):
                self._aside(f"note: {message}", always=True)
            case _:
                pass

    def _begin_anew(self) -> None:
        self._streamed.clear()
        self._attempt_over = False

    def _aside(self, line: str, *, always: bool = False) -> None:
        """A note in the middle of what goes on."""
        goes_on = self._spinner is not None
        self.note(line, always=always)
        if goes_on:
            self._wait(self._doing)

    def note(self, line: str, *, always: bool = False) -> None:
        """A line beside the answer; ``always`` even where only the answer was asked for."""
        if always or not self._quiet:
            self.pause()
            text = one_line(line)
            text = folded(text, self._columns()) if self._watched else text
            say(paint(text, self._theme.aside))

    def finish(
        self, result: RunResult, *, failure: Failure | None = None, cost: bool = True
    ) -> None:
        """The final answer, unless it stands on the terminal already, and what it took.

        ``failure`` is for the caller to tell, or for a view that writes it down.
        """
        streamed = "".join(self._streamed).strip()
        answer = clean(result.output).strip()
        # Of a run that goes on after a limit the beginning stands there already.
        begun = self._finished.get(result.run_id, "")
        self._finished = {result.run_id: answer}
        self.pause()
        if answer and streamed not in (answer, answer.removeprefix(begun).strip()):
            self._begin_anew()
            if self._live:
                self._write(answer)
                self.pause()
            else:
                emit(answer + "\n")
        if result.exit_status == "limit_exceeded":
            limit = result.limit or "budget"
            left = (
                "this is the best answer so far" if result.output else "it left no room to answer"
            )
            whose = " of the day or month" if result.limit_shared else ""
            self.note(f"note: the {limit} limit{whose} was reached; {left}", always=True)
        if cost:
            self.cost(result)

    def cost(self, result: RunResult) -> None:
        """The cost line of one answer; none where no run began, or it was stopped before a step."""
        nothing = not (result.steps or result.usage.total_tokens)
        if not result.run_id or (nothing and result.exit_status == "interrupted"):
            return
        self.note(
            cost_line(
                result.usage,
                seconds=result.seconds,
                mode=result.mode,
                steps=result.steps,
                tool_calls=result.tool_calls,
            )
        )
        if result.saved.total_tokens:
            spared = f"{result.saved.total_tokens:,} tokens, {money(result.saved)} at list price"
            self.note(f"served from the response cache: {spared}")

    def pause(self) -> None:
        """Clear what changes and end an unfinished line, so that a line can be printed."""
        self._stop_spinner()
        if self._foot is not None:
            emit(self._foot.end())
        rest = self._prose.end() if self._prose is not None else ""
        self._prose = None
        if self._open_line:
            self._open_line = False
            emit(f"{rest}\n")

    def _trace(self, indent: str, line: str, how: str, *, lines: int = 1) -> None:
        """One row of what the tools do, cut to fit; of a cut one is told how many lines it had."""
        if self._quiet:
            return
        self.pause()
        room = self._columns() - len(indent)
        row = clip(line, room)
        if lines > 1 and row != one_line(line):
            more = f" [{lines:,} lines]"
            row = clip(line, room - len(more)) + more
        say(paint(indent + row, how))

    def _write(self, text: str) -> None:
        self._stop_spinner()
        if not self._streamed:
            text = text.lstrip()
        if text:
            self._streamed.append(text)
            self._open_line = not text.endswith("\n")
            shown = text if self.plain else self._fit(text)
            emit(shown if self._foot is None else self._foot.beneath(shown))

    def _fit(self, text: str) -> str:
        if self._prose is None:
            self._prose = Prose(theme_for(sys.stdout), terminal_columns)
        return self._prose.feed(text)

    def _wait(self, doing: str) -> None:
        self._doing = doing
        if not (self._watched and self._styled) or self._open_line:
            return
        if self._spinner is None:
            self._spinner = Spinner(self._waiting, lambda mark: paint(mark, self._theme.tool))

    def _waiting(self) -> str:
        return self.status.line(self._columns() - _SPINNER_WIDTH, self._doing)

    def _beneath(self) -> str:
        return paint(self.status.line(terminal_columns() - 1), self._theme.aside)

    def _stop_spinner(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def _columns(self) -> int:
        return terminal_columns() if self._watched else _UNSEEN_WIDTH

    @property
    def _theme(self) -> Theme:
        return THEMES["none"] if self.plain else theme_for(sys.stderr)


def call_line(tool: str, arguments: Mapping[str, Any]) -> str:
    """A tool call as a person reads it, uncleaned."""
    told = (
        f"{name}={json.dumps(value, ensure_ascii=False, default=str)}"
        for name, value in arguments.items()
    )
    return " ".join((tool, *told))
