from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lean_agent.retrieval.embedding_journal import EmbeddingJournal, text_key


def unit(count: int, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


KEYS = [text_key("e", str(number)) for number in range(6)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = EmbeddingJournal(tmp_path / "journal")
    journal.append(KEYS[:2], unit(6)[:2])
    journal.append(KEYS[2:4], unit(6)[2:4])
    journal.close()
    return tmp_path / "journal"


def held(path: Path) -> list[int]:
    journal = EmbeddingJournal(path)
    journal.close()
    found = [(number, journal.get(key)) for number, key in enumerate(KEYS)]
    numbers = [number for number, vector in found if vector is not None]
    assert all((v == unit(6)[n]).all() for n, v in found if v is not None)
    assert len(journal) == len(numbers)
    return numbers


def test_it_is_read_back(path: Path) -> None:
    assert held(path) == [0, 1, 2, 3]


@pytest.mark.parametrize("lost", [1, 47, 48, 60])
def test_what_was_cut_off_is_dropped_and_writing_goes_on(path: Path, lost: int) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - lost)
    assert held(path) == [0, 1, 2, 3][: (4 * 48 - lost) // 48]
    journal = EmbeddingJournal(path)
    journal.append(KEYS[4:], unit(6)[4:])
    journal.close()
    assert held(path)[-2:] == [4, 5]


def test_blank_records_after_a_power_cut_are_dropped(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-48] + bytes(48))
    assert held(path) == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"dimensions"', b"[1]\n", b"\xff\n"])
def test_one_that_is_no_journal_is_begun_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert held(path) == []
    journal = EmbeddingJournal(path)
    journal.append(KEYS[:1], unit(6)[:1])
    journal.close()
    assert held(path) == [0]


def test_keys_tell_embedders_and_texts_apart() -> None:
    assert len({text_key("a", "b"), text_key("b", "a"), text_key("a", "b ")}) == 3
