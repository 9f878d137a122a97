"""The command line, run as users run it in a process of its own, or quicker in this one."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lean_agent.cli.app import run

__all__ = ["LEAN_AGENT", "Ended", "acts_natively", "environment", "in_process", "lean_agent"]

LEAN_AGENT = str(Path(sys.executable).parent / "lean-agent")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Folders of its own under ``folder``; the rest as the test's settings have it."""
    return {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_STATE_HOME": str(folder / "state"),
        "OPENAI_API_KEY": "sk-test-0123456789abcdef",
        **variables,
    }


def lean_agent(
    *arguments: str, folder: Path, stdin: bytes = b"", timeout: float = 60, **variables: str
) -> Ended:
    """Run a command to its end. Whatever it does, it must not show a traceback."""
    done = subprocess.run(
        [LEAN_AGENT, *arguments],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env=environment(folder, **variables),
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return Ended(done.returncode, out, err)


def in_process(*arguments: str, folder: Path, stdin: bytes = b"", **variables: str) -> Ended:
    """``lean_agent`` without the second or two that a new process takes to import everything."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with (
            patch.dict(os.environ, environment(folder, **variables), clear=True),
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = run(arguments)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Ended(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def acts_natively(url: str, folder: Path) -> None:
    """As if a probe had found that the model ``x`` of the server at ``url`` can call tools."""
    memory = folder / "state" / "lean-agent" / "action_formats.json"
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps({f"openai:x {url}": "native"}))
