"""A million steps, streamed: the bench's own targets for memory and speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench" / "trajectories.py"


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_million_steps_in_bounded_memory() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--rounds", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1,000,000 steps" in done.stdout
    assert done.stdout.count(" ok\n") == 2
