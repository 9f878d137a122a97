"""A file is there whole, whoever else writes it and whatever the disk refuses."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from lean_agent._files import write_whole


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "kept.json"
    write_whole(path, "one")
    write_whole(path, "é")
    assert path.read_text(encoding="utf-8") == "é"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_several_may_write_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    texts = [str(number) * 5_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(write_whole, path), texts * 10))
    assert path.read_text() in texts
    assert [found.name for found in tmp_path.iterdir()] == ["kept.json"]


def test_what_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.json"
    write_whole(path, "before")

    def refuse(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["kept.json"]
