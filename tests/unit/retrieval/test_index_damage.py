"""Bytes of an index that turn over on the disk, its files as long as before."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from support.embedding import TrigramEmbedder
from support.searched import searched

from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index import Index

_QUERIES = ("the largest whale", "cat mat", "dog barked", "nothing of the kind")


@pytest.mark.slow
async def test_flipped_bytes_are_found_by_the_next_build_and_mended(tmp_path: Path) -> None:
    source, place = tmp_path / "docs", tmp_path / "index"
    source.mkdir()
    for name, text in (
        ("whales.txt", "The blue whale is the largest animal."),
        ("cats.txt", "The cat sat on the mat, and the dog barked at it. " * 60),
    ):
        (source / name).write_text(text)
    embedder = TrigramEmbedder()

    def answers() -> list[list[tuple[str, float]]]:
        index = Index.open(place)
        return [
            [(hit.passage.text, hit.score) for hit in searched(index, query, vector=vector)]
            for query in _QUERIES
            for vector in (None, embedder.vector(query))
        ]

    await build_index(source, place, embedder=embedder)
    whole = answers()
    rng = random.Random(0)
    unnoticed = 0
    names = [
        path.relative_to(next(place.glob("generation-*")))
        for path in sorted(place.glob("generation-*/**/*"))
        if path.is_file()
    ]
    assert len(names) > 10
    for name in names:
        path = next(place.glob("generation-*")) / name
        data = bytearray(path.read_bytes())
        for at in rng.sample(range(len(data)), min(8, len(data))):
            data[at] ^= 0xFF
        path.unlink()  # who has mapped it keeps what it was
        path.write_bytes(data)
        with suppress(ConfigurationError):  # not all damage is met by a search
            answers()
            unnoticed += 1
        assert (await build_index(source, place, embedder=embedder)).changed, name
        assert answers() == whole, name
    assert unnoticed < len(names) / 2


async def test_an_index_that_nothing_happened_to_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cats.txt").write_text("The cat sat on the mat.")
    embedder = TrigramEmbedder()
    await build_index(tmp_path / "docs", tmp_path / "index", embedder=embedder)
    built = await build_index(tmp_path / "docs", tmp_path / "index", embedder=embedder)
    assert (built.changed, built.embedded) == (False, 0)


async def test_a_hidden_file_that_something_left_there_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cats.txt").write_text("The cat sat on the mat.")
    await build_index(tmp_path / "docs", tmp_path / "index")
    (tmp_path / "index" / "generation-1" / ".DS_Store").write_text("x")
    assert not (await build_index(tmp_path / "docs", tmp_path / "index")).changed


async def test_a_manifest_that_says_something_else_is_damage(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cats.txt").write_text("The cat sat on the mat.")
    await build_index(tmp_path / "docs", tmp_path / "index")
    manifest = tmp_path / "index" / "generation-1" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("docs", "dobs"))
    with pytest.raises(ConfigurationError, match="damaged"):
        Index.open(tmp_path / "index").check()
    built = await build_index(tmp_path / "docs", tmp_path / "index")
    assert (built.changed, built.manifest.source) == (True, str(tmp_path / "docs"))
    Index.open(tmp_path / "index").check()


async def test_damage_is_found_before_the_index_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cats.txt").write_text("The cat sat on the mat.")
    await build_index(tmp_path / "docs", tmp_path / "index")
    with (tmp_path / "index" / "generation-1" / "words" / "scores.f32").open("r+b") as file:
        file.write(b"\xff")

    def opened(*_: object) -> None:
        raise MemoryError("as faiss does of a length that turned over")

    monkeypatch.setattr(Index, "__init__", opened)
    assert (await build_index(tmp_path / "docs", tmp_path / "index")).changed


async def test_what_opening_does_not_look_at_is_told_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cats.txt").write_text("The cat sat on the mat.")
    await build_index(tmp_path / "docs", tmp_path / "index")
    texts = tmp_path / "index" / "generation-1" / "words" / "texts.i32"
    texts.write_bytes(b"\x07\x07\x07\x07" * (texts.stat().st_size // 4))
    index = Index.open(tmp_path / "index")
    with pytest.raises(ConfigurationError, match="damaged") as refused:
        searched(index, "cat")
    mend = f"run: lean-agent index build {tmp_path / 'docs'} --out {tmp_path / 'index'}"
    assert refused.value.hint == mend
