from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from support.cli import lean_agent

from lean_agent.cli.app import app, run

HEAVY = {"langgraph", "openai", "faiss", "duckdb", "numpy", "pydantic", "rich", "prompt_toolkit"}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


COMMANDS = list(commands(typer.main.get_command(app)))


def test_the_commands_are_those_that_are_documented() -> None:
    assert {" ".join(path) for path, _ in COMMANDS} == {
        "",
        "ask",
        "chat",
        "config",
        "config path",
        "config show",
        "data",
        "data purge",
        "data show",
        "demo",
        "doctor",
        "index",
        "index build",
        "index info",
        "index push",
        "index search",
        "keys",
        "keys delete",
        "keys list",
        "keys set",
        "ledger",
        "ledger budget",
        "ledger budget set",
        "ledger budget show",
        "ledger compact",
        "ledger export",
        "ledger reprice",
        "ledger runs",
        "ledger show",
        "ledger sql",
        "ledger summary",
        "ledger tail",
        "mcp",
        "mcp list",
        "mcp serve",
        "memory",
        "memory delete",
        "memory list",
        "memory purge",
        "memory show",
        "models",
        "models list",
        "models probe",
        "models pull",
        "models rm",
        "resume",
        "sessions",
        "sessions list",
        "sessions rm",
        "tools",
        "tools list",
        "trajectory",
        "trajectory bad",
        "trajectory export",
        "trajectory filter",
        "trajectory good",
        "trajectory import",
        "trajectory list",
        "trajectory purge",
        "trajectory replay",
        "trajectory show",
        "trajectory stats",
    }


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda value: str(value)[:40])
def test_every_command_explains_itself_and_each_of_its_options(
    path: tuple[str, ...], command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Usage: {' '.join(('lean-agent', *path))}")
    assert err == ""
    assert command.help
    for parameter in command.params:
        assert parameter.help, f"{path} {parameter.name}"


def test_all_but_the_talking_commands_speak_json() -> None:
    silent = {
        " ".join(path)
        for path, command in COMMANDS
        if not hasattr(command, "commands")
        and not any("--json" in parameter.opts for parameter in command.params)
    }
    assert silent == {"chat", "demo", "mcp serve"}


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['lean-agent', '--help']\n"
        "from lean_agent.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "Usage: lean-agent" in done.stdout
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert loaded & HEAVY == set()


@pytest.mark.slow
def test_without_arguments_it_helps(tmp_path: Path) -> None:
    bare, asked = (lean_agent(*line, folder=tmp_path) for line in ((), ("--help",)))
    assert bare == asked
    assert bare.code == 0


def test_the_version_is_the_packages_own(tmp_path: Path) -> None:
    from importlib.metadata import version

    assert lean_agent("--version", folder=tmp_path).out == f"lean-agent {version('lean-agent')}\n"


def test_the_default_model_is_the_agents_own() -> None:
    from lean_agent.agent import DEFAULT_MODEL, DEFAULT_STEPS
    from lean_agent.cli import options

    assert (options.DEFAULT_MODEL, options.DEFAULT_STEPS) == (DEFAULT_MODEL, DEFAULT_STEPS)
    ask = dict(COMMANDS)[("ask",)]
    steps = next(p for p in ask.params if p.name == "max_steps")
    assert f"(else {DEFAULT_STEPS})" in steps.help
