"""The installed command line, run as users run it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["LEAN_AGENT", "Ended", "environment", "lean_agent"]

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
