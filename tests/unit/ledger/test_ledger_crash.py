"""``kill -9`` at any moment: what was acknowledged is there, exactly once, and can be queried."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lean_agent.ledger import queries

# Four threads write and acknowledge each entry by its id on standard output, whole lines at once.
WRITER = """
import os, sys, threading
from pathlib import Path
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Usage
ledger = Ledger(Path(sys.argv[1]))
def write():
    while True:
        entry = Entry(run_id="run", operation="chat", purpose="answer", usage=Usage(),
                      tool="t" * 200)
        ledger.append(entry)
        os.write(1, entry.id.encode() + b"\\n")
for _ in range(4):
    threading.Thread(target=write).start()
"""


@pytest.mark.parametrize("seed", range(4))
def test_kill_loses_no_acknowledged_entry(tmp_path: Path, seed: int) -> None:
    with (tmp_path / "acknowledged").open("wb") as output:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=output)
        try:
            deadline = time.monotonic() + 30
            while not (tmp_path / "acknowledged").stat().st_size:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(random.Random(seed).uniform(0, 0.2))
            seen = queries.sql(tmp_path, "select count(*) from entries")[1][0][0]
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()

    # The last acknowledgement may itself be cut off.
    acknowledged = (tmp_path / "acknowledged").read_bytes().rpartition(b"\n")[0].split()
    _, rows = queries.sql(tmp_path, "select id from entries")
    ids = [row[0] for row in rows]
    assert len(ids) == len(set(ids)) >= seen > 0
    assert {line.decode() for line in acknowledged} <= set(ids)
    # Each of the four threads may have written one entry that it did not live to acknowledge.
    assert len(ids) <= len(acknowledged) + 4
    assert len(queries.problems(tmp_path)) <= 1

    raw = b"".join(path.read_bytes() for path in (tmp_path / "segments").iterdir())
    assert raw.count(acknowledged[-1]) == 1
