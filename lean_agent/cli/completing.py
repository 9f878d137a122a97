"""Completion in the shell (``--install-completion``): typer's, with values of our own."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import wraps
from typing import Any, Final

from lean_agent.cli.streams import emit

__all__ = [
    "COMPLETE",
    "complete",
    "mend_script_of_zsh",
    "models",
    "profiles",
    "runs",
    "sessions",
    "tools",
]

COMPLETE: Final = "_LEAN_AGENT_COMPLETE"
"""Set by the shell's script where it asks what may stand at the cursor."""


def complete(command: Any) -> int:
    """Print what may stand at the cursor, one a line; the exit code.

    To bash a colon ends a word, so ``local:NAME`` comes in three: they are put together for typer,
    and what stands before the cursor's own part is taken off again.
    """
    before = _join_at_colons() if os.environ[COMPLETE] == "complete_bash" else ""
    printed = io.StringIO()
    code = 0
    try:
        with redirect_stdout(printed):
            command.main(prog_name="lean-agent")
    except SystemExit as done:
        code = int(done.code or 0)
    lines = filter(None, printed.getvalue().splitlines())
    emit("".join(f"{line.removeprefix(before)}\n" for line in lines))
    return code


def mend_script_of_zsh() -> None:
    """The first Tab of a shell only loads typer's function for zsh: let it answer, too."""
    from typer import _completion_shared

    scripts = vars(_completion_shared)["_completion_scripts"]
    if "loadautofunc" not in scripts["zsh"]:
        scripts["zsh"] += (
            '\n[[ $zsh_eval_context[-1] == loadautofunc ]] && %(complete_func)s "$@"\n'
        )


def _join_at_colons() -> str:
    """Join the words that bash divided; what stands before the last colon of the cursor's."""
    words = os.environ.get("COMP_WORDS", "").split("\n")
    at = int(os.environ.get("COMP_CWORD", "0"))
    joined: list[str] = []
    cursor = 0
    for number, word in enumerate(words):
        if number > 1 and ":" in (word, words[number - 1]):
            joined[-1] += word
        else:
            joined.append(word)
        if number == at:
            cursor = len(joined) - 1
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(joined), str(cursor)
    head, colon, _ = joined[cursor].rpartition(":")
    return head + colon


def _quietly(find: Callable[[], list[str]]) -> Callable[[], list[str]]:
    """Whatever is wrong with a file, Tab is not the moment to tell."""

    @wraps(find)
    def found() -> list[str]:
        try:
            return find()
        except Exception:  # noqa: BLE001
            return []

    return found


@_quietly
def models() -> list[str]:
    """Models that run here."""
    from lean_agent.models.catalog import CATALOG

    return [f"local:{one.name}" for one in CATALOG.values() if one.kind == "chat"]


@_quietly
def sessions() -> list[str]:
    """Names of saved conversations."""
    from lean_agent.cli.chat.conversation import saved_conversations

    return [one.name for one in saved_conversations()]


@_quietly
def runs() -> list[str]:
    """Runs that can go on."""
    from lean_agent.cli.kept_runs import kept_runs

    return [one.run_id[:12] for one in kept_runs()]


@_quietly
def profiles() -> list[str]:
    """Profiles of the configuration file."""
    from lean_agent.cli.config.file import config_path, read_file

    return list(read_file(config_path()).profiles)


@_quietly
def tools() -> list[str]:
    """Tools that are in no prompt unless they are named."""
    from importlib.metadata import entry_points

    return sorted(entry.name for entry in entry_points(group="lean_agent.optional_tools"))
