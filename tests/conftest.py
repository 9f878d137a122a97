"""What every test gets: no network but loopback, and none of the user's own keys or settings."""

from __future__ import annotations

import ipaddress
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import settings
from support.engines import engines
from support.fake_openai import FakeOpenAI
from support.postgres_server import PostgresServer, postgres_programs, postgres_server

_WHERE_DATA_IS = {"LEAN_AGENT_TEST_DATA", "LEAN_AGENT_WEIGHTS_DIR"}
_numbers = itertools.count()


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host, *_ = cast("tuple[str, ...]", arguments[1])
    if host not in {"", "localhost"} and not ipaddress.ip_address(host).is_loopback:
        raise OSError(f"a test tried to reach {host}")


sys.addaudithook(_refuse_outside)

# How long an example takes is for bench/ to say: a machine that is busy is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell without job control starts what it puts in the background with interrupts ignored, and
# children inherit that: tests of Ctrl-C must not depend on how the tests were started.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keys, addresses, ledgers, prices and state of the person who runs the tests stay out."""
    for name in os.environ:
        ours = name.startswith(("OPENAI_", "LEAN_AGENT_")) and name not in _WHERE_DATA_IS
        if ours or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    # Numbered here: pytest would read the names of all tests' folders for each of them.
    folder = tmp_path_factory.mktemp(f"settings-{next(_numbers)}", numbered=False)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        path = folder / name.lower()
        path.mkdir()
        monkeypatch.setenv(name, str(path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """An OpenAI-compatible server on loopback that says what it is told."""
    with FakeOpenAI() as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server, where Postgres is installed."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("there is no initdb: install Debian's package postgresql")
    with postgres_server(programs) as server:
        yield server


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Sockets of this session's own; the engines behind them end with it."""
    folder = tmp_path_factory.mktemp("engines", numbered=False)
    yield folder
    for process in engines(folder):
        process.terminate()


@pytest.fixture
def shared_engine(engine_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One engine a model for all tests and none of the user's; what a probe found is kept, too."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(engine_folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(engine_folder / "state"))
    monkeypatch.setenv("LEAN_AGENT_ENGINE_LINGER", "60")
