"""Programs of the docs and examples, run in this process: a new one takes a second to import."""

from __future__ import annotations

import io
import os
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from support.cli import environment

__all__ = ["ended", "script"]


def script(path: Path, *arguments: str, folder: Path, **variables: str) -> str:
    """What ``python PATH ARGUMENTS`` prints; it must end well."""
    code, out, _ = ended(path, *arguments, folder=folder, **variables)
    assert not code, out
    return out


def ended(path: Path, *arguments: str, folder: Path, **variables: str) -> tuple[Any, str, str]:
    """The exit code of ``python PATH ARGUMENTS``, and what it prints to either stream.

    ``folder`` holds the settings, as of ``support.cli.environment``. Nobody is at the terminal.
    """
    out, err, code = io.StringIO(), io.StringIO(), None
    with (
        patch.dict(os.environ, environment(folder, **variables), clear=True),
        patch.object(sys, "argv", [str(path), *arguments]),
        patch.object(sys, "stdin", io.StringIO()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()
