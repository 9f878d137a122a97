"""A Postgres server of this session's own, on a Unix socket, with a user and a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["PASSWORD", "PostgresServer", "postgres_programs", "postgres_server"]

PASSWORD = "a-Secret-0f-tests"
_UNPRIVILEGED = ("postgres", "nobody")
_SECONDS = 30


def postgres_programs() -> Path | None:
    """The folder of ``initdb`` and ``postgres``; Debian keeps it off the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


class PostgresServer:
    """``url`` has the password in it."""

    def __init__(self, programs: Path, folder: Path, as_user: dict[str, Any]) -> None:
        self._programs = programs
        self._folder = folder
        self._as_user = as_user
        self._process: subprocess.Popen[Any] | None = None
        self.url = f"postgresql://lean:{PASSWORD}@/postgres?host={quote(str(folder), safe='')}"

    def make(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        line = ["initdb", "--no-sync", "--no-instructions", "--auth=scram-sha-256"]
        line += ["--username=lean", f"--pwfile={password}", f"--pgdata={self._folder / 'data'}"]
        line += ["--encoding=UTF8", "--locale=C"]
        line[0] = str(self._programs / line[0])
        subprocess.run(line, check=True, capture_output=True, cwd=self._folder, **self._as_user)

    def start(self) -> None:
        data, settings = self._folder / "data", ["fsync=off", "listen_addresses="]
        settings += [f"unix_socket_directories={self._folder}", "max_connections=40"]
        line = [str(self._programs / "postgres"), "-D", str(data)]
        for setting in settings:
            line += ["-c", setting]
        process = self._process = subprocess.Popen(
            line,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as_user,
        )
        deadline = time.monotonic() + _SECONDS
        while "ready" not in self._state():
            assert process.poll() is None, "postgres did not start"
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _state(self) -> str:
        file = self._folder / "data" / "postmaster.pid"
        return file.read_text() if file.exists() else ""

    def stop(self) -> None:
        """At once: connections are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_SECONDS)
            self._process = None


@contextmanager
def postgres_server(programs: Path) -> Generator[PostgresServer]:
    # Not below pytest's folders: those of root are closed to the user that Postgres asks for.
    with tempfile.TemporaryDirectory(prefix="lean-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            users = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = next(users[name] for name in _UNPRIVILEGED if name in users)
            os.chown(folder, user.pw_uid, user.pw_gid)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        server = PostgresServer(programs, folder, as_user)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
