from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.cli import in_process

FILES = {
    "cache/lean-agent/models/small.gguf": "weights",
    "cache/lean-agent/indexes/notes-1/current": "indexes",
    "cache/lean-agent/responses.sqlite-wal": "responses",
    "state/lean-agent/sessions/a.json": "sessions",
    "state/lean-agent/runs/b.json": "runs",
    "state/lean-agent/checkpoints.sqlite": "runs",
    "state/lean-agent/chat_history": "history",
    "state/lean-agent/action_formats.json": "formats",
    "state/lean-agent/engine/small.log": "logs",
    "data/lean-agent/ledger/segments/1.jsonl": "ledger",
    "data/lean-agent/ledger/outcomes.jsonl": "outcomes",
    "data/lean-agent/ledger/caps/day.json": "caps",
    "data/lean-agent/ledger/budgets.sqlite": "caps",
    "data/lean-agent/trajectories.jsonl": "recordings",
    "data/lean-agent/.trajectories.jsonl.lock": "recordings",
    "data/lean-agent/memory/e.json": "memory",
    "data/lean-agent/domains/mine.py": "domains",
    "data/lean-agent/planners/p.json": "planners",
    "data/lean-agent/stray.txt": "other",
    "config/lean-agent/prices.toml": "settings",
}
KEPT = {"caps", "domains", "settings", "other"}


@pytest.fixture(autouse=True)
def kept(tmp_path: Path) -> None:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("12345")


def shown(folder: Path) -> dict[str, Any]:
    return {row["kind"]: row for row in in_process("data", "show", "--json", folder=folder).json}


def left(folder: Path) -> set[str]:
    return {kind for name, kind in FILES.items() if (folder / name).exists()}


def test_every_file_is_told_once(tmp_path: Path) -> None:
    rows = shown(tmp_path)
    assert set(rows) == set(FILES.values())
    assert sum(row["files"] for row in rows.values()) == len(FILES)
    assert all(row["bytes"] == 5 * row["files"] for row in rows.values())
    assert {kind for kind, row in rows.items() if not row["removable"]} == KEPT
    table = in_process("data", "show", folder=tmp_path)
    assert "goes to the model that you choose and nowhere else" in table.err


def test_a_kind_is_removed_and_nothing_else(tmp_path: Path) -> None:
    before = left(tmp_path)
    ended = in_process("data", "purge", "runs", "history", "--yes", folder=tmp_path)
    assert (ended.code, ended.err) == (0, "3 files removed, 15 bytes\n")
    assert left(tmp_path) == before - {"runs", "history"}
    again = in_process("data", "purge", "runs", "--yes", folder=tmp_path)
    assert (again.code, again.err) == (0, "there is none of it\n")


def test_all_leaves_the_weights_and_what_is_the_persons_own(tmp_path: Path) -> None:
    assert in_process("data", "purge", "--all", "--yes", "--json", folder=tmp_path).code == 0
    assert left(tmp_path) == KEPT | {"weights"}
    assert in_process("data", "purge", "weights", "--yes", folder=tmp_path).code == 0
    assert left(tmp_path) == KEPT


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "shared"
    elsewhere.mkdir()
    (elsewhere / "large.gguf").write_text("mine")
    models = tmp_path / "cache" / "lean-agent" / "models"
    (models / "small.gguf").unlink()
    models.rmdir()
    models.symlink_to(elsewhere)
    assert in_process("data", "purge", "weights", "--yes", folder=tmp_path).code == 0
    assert not models.exists()
    assert (elsewhere / "large.gguf").read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ((), "which kind is not said"),
        (("sesions",), "did you mean sessions?"),
        (("caps", "--yes"), "caps are yours to remove"),
        (("sessions",), "there is nobody to ask"),
    ],
)
def test_what_is_not_clear_removes_nothing(
    line: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    ended = in_process("data", "purge", *line, folder=tmp_path)
    assert ended.code == 2
    assert told in ended.err
    assert left(tmp_path) == set(FILES.values())
