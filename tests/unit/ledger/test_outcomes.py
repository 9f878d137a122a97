from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from lean_agent.errors import LedgerError
from lean_agent.ledger.outcomes import read_outcomes, record_outcome


def judged(folder: Path) -> list[tuple[str, bool, str]]:
    return [(o.run_id, o.passed, o.source) for o in read_outcomes(folder)]


def test_what_was_recorded_is_read_and_the_latest_word_of_a_source_counts(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    assert judged(folder) == []
    record_outcome("a", True, "person", folder=folder)
    record_outcome("b", False, "scorer", folder=folder)
    record_outcome("a", True, "schema", folder=folder)
    record_outcome("a", False, "person", folder=folder)
    assert judged(folder) == [
        ("b", False, "scorer"),
        ("a", True, "schema"),
        ("a", False, "person"),
    ]
    assert stat.S_IMODE((folder / "outcomes.jsonl").stat().st_mode) == 0o600


def test_a_damaged_line_costs_only_itself(tmp_path: Path) -> None:
    record_outcome("a", True, "person", folder=tmp_path)
    with (tmp_path / "outcomes.jsonl").open("ab") as file:
        file.write(b'{"run_id": "half\n\xff\n[]\n{"run_id": "x", "passed": 1, "source": "me"}\n')
    record_outcome("b", True, "person", folder=tmp_path)
    assert judged(tmp_path) == [("a", True, "person"), ("b", True, "person")]


def test_threads_lose_no_outcome(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for count in range(20):
            record_outcome(f"{number}-{count}", True, "scorer", folder=tmp_path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(judged(tmp_path)) == 80


def test_a_disk_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_outcome("a", True, "person", folder=tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(LedgerError, match="disk is full"):
        record_outcome("b", True, "person", folder=tmp_path)
    monkeypatch.undo()
    assert judged(tmp_path) == [("a", True, "person")]
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="could not be written"):
        record_outcome("a", True, "person", folder=tmp_path / "file")
