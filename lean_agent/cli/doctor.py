"""``lean-agent doctor``: is everything here that is needed, and what to do if not."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import count, size
from lean_agent.errors import ConfigurationError

__all__ = ["doctor"]

_ROOM = 500_000_000  # bytes: indexes, ledger, checkpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``broken`` is what keeps the program from working, ``missing`` what can be done without."""

    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str
    hint: str = ""


def doctor(context: typer.Context, json_: opt.Json = False) -> int:
    """Check this installation. Ends with 1 if something needed is broken."""
    checks = [*_settings(context.obj), *_python(), *_models(), *_folders(), *_terminal()]
    if checks[0].state == "ok":
        checks += _servers()
    broken = any(check.state == "broken" for check in checks)
    if json_:
        rows = [
            {"name": c.name, "state": c.state, "detail": c.detail, "hint": c.hint} for c in checks
        ]
        print_json({"ok": not broken, "checks": rows})
    else:
        print_table(
            ("CHECK", "STATE", "DETAIL", "WHAT TO DO"),
            [(c.name, c.state, c.detail, c.hint) for c in checks],
        )
    return 1 if broken else 0


def _settings(profile: str | None) -> Iterator[Check]:
    from lean_agent.cli.config.file import config_path
    from lean_agent.cli.config.resolving import resolve, share

    path = config_path()
    try:
        resolved = resolve(profile)
    except ConfigurationError as error:
        yield Check(name="settings", state="broken", detail=error.message, hint=error.hint)
        return
    share(resolved)  # so that the folders below are those that are used
    here = count(sum(one.from_file for one in resolved), "setting") if path.exists() else "no file"
    yield Check(name="settings", state="ok", detail=f"{path}: {here}")


def _servers() -> Iterator[Check]:
    """Each MCP server of the settings is started, to see whether it does."""
    import asyncio

    from lean_agent.cli.failures import describe
    from lean_agent.cli.mcp.servers import configured, look_at

    try:
        looked = asyncio.run(look_at(configured()))
    except ConfigurationError as error:
        yield Check(name="mcp", state="broken", detail=error.message, hint=error.hint)
        return
    for one in looked:
        name = f"mcp:{one.name}"
        if one.failure is None:
            yield Check(name=name, state="ok", detail=count(len(one.tools), "tool"))
        else:
            told = describe(one.failure)
            yield Check(name=name, state="missing", detail=told.message, hint=told.hint)


def _python() -> Iterator[Check]:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    yield Check(
        name="python",
        state="ok" if good else "broken",
        detail=f"{version} on {platform.system()} {platform.machine()}",
        hint="" if good else "install Python 3.11 or newer",
    )
    absent = [name for name in _required() if not _installed(name)]
    yield Check(
        name="packages",
        state="broken" if absent else "ok",
        detail=f"missing: {', '.join(absent)}" if absent else "all that is required is installed",
        hint="pip install --upgrade lean-agent" if absent else "",
    )


def _required() -> list[str]:
    """Names of the packages that must be there; those of extras are not among them."""
    import importlib.metadata

    lines = importlib.metadata.requires("lean-agent") or []
    names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
    return [name[0] for name in names if name is not None]


def _installed(name: str) -> bool:
    import importlib.metadata

    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _models() -> Iterator[Check]:
    import importlib.util

    from lean_agent.models.weights import status

    keys = _keys()
    server = os.environ.get("OPENAI_BASE_URL", "")
    engine = importlib.util.find_spec("xllamacpp") is not None
    yield Check(
        name="engine",
        state="ok" if engine else "missing" if keys or server else "broken",
        detail="embedded llama.cpp" if engine else "not installed",
        hint="" if engine else "pip install 'lean-agent[local]', or set OPENAI_API_KEY",
    )
    for entry in status():
        command = f"lean-agent models pull {entry.weights.name}"
        state = {"ready": "ok", "broken": "broken"}.get(entry.state, "missing")
        yield Check(
            name=f"local:{entry.weights.name}",
            state=state,  # pyright: ignore[reportArgumentType] - one of the three by the line above
            detail=f"{entry.state}, {size(entry.bytes_on_disk)} of {size(entry.weights.size)}",
            hint="" if state == "ok" else command,
        )
    yield Check(
        name="keys",
        state="ok" if keys else "missing",
        detail=f"found: {', '.join(keys)}" if keys else "none found",
        hint="" if keys else "for hosted models: lean-agent keys set, or set OPENAI_API_KEY",
    )
    if server:
        shown = re.sub(r"//[^/@]*@", "//", server)  # no login in it
        yield Check(name="OPENAI_BASE_URL", state="ok", detail=shown)


def _keys() -> list[str]:
    """The variables that are set, and those whose key is in the keyring."""
    from lean_agent.models.endpoints import ENDPOINTS
    from lean_agent.models.keys import find_key

    names = sorted({end.key_variable for end in ENDPOINTS.values() if end.key_variable})
    found = [name for name in names if find_key(name)]
    return [name if os.environ.get(name) else f"{name} (keyring)" for name in found]


def _folders() -> Iterator[Check]:
    from lean_agent._paths import cache_dir, config_dir, ledger_dir, state_dir
    from lean_agent.ledger.queries import problems

    folders = {"ledger": ledger_dir(), "state": state_dir(), "cache": cache_dir()}
    for name, folder in folders.items():
        fault = _not_writable(folder)
        yield Check(
            name=name,
            state="broken" if fault else "ok",
            detail=f"{folder}: {fault}" if fault else str(folder),
            hint=_where_to_point(name) if fault else "",
        )
    if ledger_dir().is_dir():
        for problem in problems(ledger_dir()):
            yield Check(name="ledger", state="missing", detail=problem)
    prices = config_dir() / "prices.toml"
    if prices.exists():
        yield Check(name="prices", state="ok", detail=str(prices))
    free = shutil.disk_usage(_existing(cache_dir())).free
    tight = free < _ROOM
    yield Check(
        name="disk",
        state="broken" if tight else "ok",
        detail=f"{size(free)} free for {cache_dir()}",
        hint="make room, or set XDG_CACHE_HOME to a larger disk" if tight else "",
    )


def _where_to_point(name: str) -> str:
    variable = {"ledger": "LEAN_AGENT_LEDGER_DIR", "state": "XDG_STATE_HOME"}
    return f"set {variable.get(name, 'XDG_CACHE_HOME')} to a folder you can write to"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _not_writable(folder: Path) -> str:
    """Why nothing can be written there, or nothing. Leaves nothing behind."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _terminal() -> Iterator[Check]:
    from lean_agent.cli.streams import is_terminal, styled, terminal_columns

    watched = is_terminal(sys.stdout)
    colour = "with colour" if styled(sys.stdout) else "without colour"
    columns = terminal_columns()
    yield Check(
        name="terminal",
        state="ok",
        detail=f"{columns} columns, {colour}" if watched else "none: plain output",
    )
