"""The embedded engines that were started for one folder of sockets, by whomever."""

from __future__ import annotations

from pathlib import Path

import psutil

__all__ = ["engines"]


def engines(folder: Path) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:  # it has ended meanwhile
            continue
        if "lean_agent.models.engine_main" in line and any(str(folder) in word for word in line):
            found.append(process)
    return found
