"""Fixtures of the tests that drive the embedded engine through the whole product."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def hotpotqa() -> Path:
    """Folder of the HotpotQA sample (see docs/data.md)."""
    folder = DATA / "hotpotqa_dev"
    if not folder.is_dir():
        pytest.skip(f"no HotpotQA sample in {folder}: set LEAN_AGENT_TEST_DATA")
    return folder
