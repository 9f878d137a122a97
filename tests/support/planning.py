"""Where the planning domains' data sets are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["data", "planning_data"]

_DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def planning_data(domain: str) -> Path:
    """The folder of one domain; the test is skipped where it is missing."""
    return data(f"planning/{domain}")


def data(name: str) -> Path:
    """One folder of the outside data; the test is skipped where it is missing."""
    folder = _DATA / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set LEAN_AGENT_TEST_DATA")
    return folder
