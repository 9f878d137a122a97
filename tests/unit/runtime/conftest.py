from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.postgres_server import PostgresServer, postgres_programs, postgres_server

from lean_agent import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server, where Postgres is installed."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("there is no initdb: install Debian's package postgresql")
    with postgres_server(programs) as server:
        yield server
