"""The commands, and the one place where every error becomes a line and an exit code."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
import typer.main

from lean_agent.cli import streams
from lean_agent.cli.ask import ask, empty_object
from lean_agent.cli.chat import chat
from lean_agent.cli.completing import COMPLETE, complete, mend_script_of_zsh, profiles
from lean_agent.cli.config import app as config
from lean_agent.cli.data import app as data
from lean_agent.cli.demo import demo
from lean_agent.cli.doctor import doctor
from lean_agent.cli.failures import EXIT_INTERRUPTED, Failure, describe, usage_error
from lean_agent.cli.index import app as index
from lean_agent.cli.keys import app as keys
from lean_agent.cli.ledger import app as ledger
from lean_agent.cli.mcp import app as mcp
from lean_agent.cli.memory import app as memory
from lean_agent.cli.models import app as models
from lean_agent.cli.plugged import CommandGroup
from lean_agent.cli.resume import resume
from lean_agent.cli.sessions import app as sessions
from lean_agent.cli.text import to_json
from lean_agent.cli.tools import app as tools
from lean_agent.cli.trajectory import app as trajectory
from lean_agent.errors import LeanAgentError

__all__ = ["app", "run"]

_EXIT_BROKEN_PIPE = 141
_WITHOUT_SETTINGS = frozenset({"config", "doctor", "keys"})
"""They tell what is wrong with the settings."""

# Without rich's markup, help costs a quarter of the time and is as readable.
app: typer.Typer = typer.Typer(
    cls=CommandGroup,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 completed, 1 the run failed, 2 usage or configuration, 3 a limit was"
    " reached (the best answer is printed), 4 a quality gate failed, 130 interrupted.",
)
app.command()(ask)
app.command()(resume)
app.command()(chat)
app.command()(demo)
app.add_typer(models, name="models")
app.add_typer(index, name="index")
app.add_typer(ledger, name="ledger")
app.add_typer(tools, name="tools")
app.add_typer(mcp, name="mcp")
app.add_typer(trajectory, name="trajectory")
app.add_typer(memory, name="memory")
app.add_typer(sessions, name="sessions")
app.add_typer(config, name="config")
app.add_typer(keys, name="keys")
app.add_typer(data, name="data")
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from lean_agent import __version__

        streams.emit(f"lean-agent {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Settings of that profile (lean-agent config show).",
            autocompletion=profiles,
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Agents that know what every step costs, and spend only what the task needs."""
    del version
    context.obj = profile
    command = context.invoked_subcommand
    if command is None:
        streams.emit(context.get_help() + "\n")
    elif command not in _WITHOUT_SETTINGS:
        _configure(context, profile)


def _configure(context: typer.Context, profile: str | None) -> None:
    from lean_agent.cli.config.resolving import resolve, run_defaults, share

    resolved = resolve(profile)
    share(resolved)
    defaults = run_defaults(resolved)
    context.default_map = dict.fromkeys(("ask", "chat", "demo"), defaults)
    context.default_map["mcp"] = {"serve": defaults}


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Nothing but an exit code leaves this function.

    Without a command a person at a terminal is taken to the chat.
    """
    streams.prepare()
    if os.environ.get(COMPLETE):
        return complete(typer.main.get_command(app))
    if {"--install-completion", "--show-completion"}.intersection(arguments):
        mend_script_of_zsh()
    if not arguments and streams.at_terminal():
        arguments = ["chat"]
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    try:
        return _invoke(arguments)
    except BrokenPipeError:
        return _EXIT_BROKEN_PIPE
    except BaseException as error:  # noqa: BLE001 - the boundary: no traceback reaches a user
        try:
            return _tell(error, arguments)
        except OSError:
            return _EXIT_BROKEN_PIPE
    finally:
        streams.finish()


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """A terminated process ends in order, with what was spent charged."""
    raise SystemExit(EXIT_INTERRUPTED)


def _invoke(arguments: Sequence[str]) -> int:
    command: Any = typer.main.get_command(app)
    try:
        # Not main(): that one has its own ways of telling errors and of leaving.
        with command.make_context("lean-agent", list(arguments)) as context:
            return command.invoke(context) or 0
    except typer.Exit as done:
        return done.exit_code
    except typer.TyperException as error:
        raise _usage(error) from error
    except SystemExit as done:  # so end typer's own options: --install-completion
        if done.code:
            raise
        return 0


def _usage(error: typer.TyperException) -> LeanAgentError:
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lean-agent"
    message = error.format_message().replace("Value error, ", "").removesuffix(".")
    return usage_error(message[:1].lower() + message[1:], f"{path} --help")


def _tell(error: BaseException, arguments: Sequence[str]) -> int:
    failure = describe(error)
    failure.print()
    if "--json" in arguments:
        streams.emit(to_json(_object(failure, arguments)) + "\n")
    elif "--events" in arguments:
        line = {"event": "run_finished", **empty_object(failure)}
        streams.emit(to_json(line, indent=None) + "\n")
    return failure.exit_code


def _object(failure: Failure, arguments: Sequence[str]) -> dict[str, Any]:
    if arguments[0] == "ask":
        return empty_object(failure)
    return {"error": failure.to_dict()}
