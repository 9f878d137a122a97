from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.embedding import TrigramEmbedder
from support.searched import searched

from lean_agent.embedder import Embedded
from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.retrieval.building import Built, Stage, build_index
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.lexical import LexicalIndex


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    write(folder, "whales.md", "# Whales\n\nThe blue whale is the largest animal.")
    write(folder, "cats.txt", "The cat sat on the mat.")
    write(folder, "more/dogs.txt", "A dog and a cat met.\n\n" + "It barked at length. " * 70)
    return folder


def write(folder: Path, name: str, text: str) -> None:
    """A file that was changed a minute ago: one of the last seconds is always looked into."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    at = time.time_ns() - 60 * 10**9 + len(text)
    os.utime(path, ns=(at, at))


async def build(source: Path, embedder: TrigramEmbedder | None = None) -> Built:
    return await build_index(source, source.parent / "index", embedder=embedder)


def opened(source: Path) -> Index:
    return Index.open(source.parent / "index")


def found(index: Index, query: str, k: int = 5) -> list[str]:
    return [hit.passage.source for hit in searched(index, query, k)]


@pytest.mark.slow
async def test_an_index_on_disk_finds_what_one_in_memory_finds(source: Path) -> None:
    built = await build(source)
    assert (built.manifest.files, built.manifest.passages, built.read) == (3, 5, 3)
    index = opened(source)
    assert len(index) == 5
    passages = [index.passages[number] for number in range(5)]
    assert [p.id for p in passages][:3] == ["cats.txt#1", "more/dogs.txt#1", "more/dogs.txt#2"]
    memory = LexicalIndex(passages)
    for query in ("cat", "blue whale", "barked", "nothing", "", "whales cat dog"):
        assert searched(index, query, 3) == memory.search(query, 3)


async def test_words_and_vectors_are_fused(source: Path) -> None:
    embedder = TrigramEmbedder()
    built = await build(source, embedder)
    assert (built.manifest.embedder, built.manifest.dimensions) == ("test:trigrams", 64)
    assert built.embedded == 5
    assert built.usage.input_tokens > 300
    index = opened(source)
    hits = searched(index, "cats", 2, vector=embedder.vector("cats\nThe cat sat on the mat."))
    assert hits[0].passage.source == "cats.txt"
    assert hits[0].dense_rank == 1
    assert hits[0].score == pytest.approx(2 / 61)
    assert searched(index, "zebra", 5) == []
    by_letters = searched(index, "zebra", 5, vector=embedder.vector("The blue whales"))
    assert by_letters[0].passage.source == "whales.md"
    assert (by_letters[0].lexical_rank, by_letters[0].dense_rank) == (None, 1)
    with pytest.raises(ConfigurationError, match="64 dimensions"):
        searched(index, "cat", vector=np.ones(3, np.float32))


async def test_only_its_owner_can_read_an_index(source: Path) -> None:
    await build(source)
    assert stat.S_IMODE((source.parent / "index").stat().st_mode) == 0o700


async def test_only_what_has_changed_is_read_and_embedded_again(source: Path) -> None:
    embedder = TrigramEmbedder()
    await build(source, embedder)
    again = await build(source, embedder)
    assert (again.changed, again.read, again.embedded) == (False, 0, 0)
    write(source, "cats.txt", "The cat sat on the sofa.")
    write(source, "new.txt", "A new file.")
    (source / "whales.md").unlink()
    embedder.asked.clear()
    third = await build(source, embedder)
    assert (third.changed, third.read, third.embedded) == (True, 2, 2)
    assert embedder.asked == ["cats\nThe cat sat on the sofa.", "new\nA new file."]
    index = opened(source)
    assert found(index, "sofa") == ["cats.txt"]
    assert found(index, "mat whale") == []
    fresh = await build_index(source, source.parent / "fresh", embedder=embedder)
    other = Index.open(fresh.folder)
    assert [index.passages[n] for n in range(5)] == [other.passages[n] for n in range(5)]
    for query in ("cat", "new file", "barked"):
        vector = embedder.vector(query)
        assert searched(index, query, vector=vector) == searched(other, query, vector=vector)


async def test_a_file_that_was_only_touched_is_not_read_again(source: Path) -> None:
    await build(source)
    os.utime(source / "cats.txt")
    again = await build(source)
    assert (again.changed, again.read) == (False, 0)


async def test_a_file_changed_within_the_clocks_grain_is_noticed(source: Path) -> None:
    (source / "cats.txt").write_text("one cat")
    about = (source / "cats.txt").stat()
    await build(source)
    (source / "cats.txt").write_text("two cat")
    os.utime(source / "cats.txt", ns=(about.st_atime_ns, about.st_mtime_ns))
    assert (await build(source)).read == 1
    assert found(opened(source), "two") == ["cats.txt"]


async def test_bad_files_are_listed_and_looked_at_again_only_when_changed(source: Path) -> None:
    write(source, "bad.json", "{")
    (source / "binary").write_bytes(b"\0")
    (source / "away").symlink_to("/etc/hostname")
    (source / "nowhere").symlink_to("missing")
    (source / ".hidden").write_text("x")
    for changed in (True, False):
        built = await build(source)
        assert built.changed is changed
        assert {one.path: one.reason[:12] for one in built.skipped} == {
            ".hidden": "hidden",
            "away": "a link out o",
            "bad.json": "not JSON: Ex",
            "binary": "binary",
            "nowhere": "No such file",
        }
    write(source, "bad.json", '{"text": "mended"}')
    assert (await build(source)).read == 1
    assert found(opened(source), "mended") == ["bad.json"]


async def test_an_embedder_may_come_go_and_change(source: Path) -> None:
    await build(source)
    first, second = TrigramEmbedder(), TrigramEmbedder("test:others")
    assert (await build(source, first)).embedded == 5
    assert (await build(source, second)).embedded == 5
    assert opened(source).manifest.embedder == "test:others"
    assert (await build(source)).manifest.embedder == ""
    assert found(opened(source), "whale") == ["whales.md"]


async def test_equal_texts_are_embedded_once(source: Path) -> None:
    for name in ("a/same.txt", "b/same.txt"):
        write(source, name, "The same in both.")
    embedder = TrigramEmbedder()
    assert (await build(source, embedder)).embedded == 6
    assert len(set(embedder.asked)) == len(embedder.asked) == 6


class Failing(TrigramEmbedder):
    """Fails at the second batch."""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        if self.asked:
            raise ModelError("gone")
        return await super().embed(texts)


async def test_what_was_embedded_before_a_failure_is_kept(source: Path) -> None:
    await build(source)
    for number in range(200):
        write(source, f"{number}.txt", f"Document {number}")
    failing = Failing()
    with pytest.raises(ModelError) as failure:
        await build(source, failing)
    assert failure.value.usage is not None
    assert failure.value.usage.input_tokens > 0
    assert opened(source).manifest.passages == 5
    embedder = TrigramEmbedder()
    assert (await build(source, embedder)).embedded == 205 - len(failing.asked)
    assert not set(embedder.asked) & set(failing.asked)
    assert not list((source.parent / "index").glob("*.journal"))
    assert len(list((source.parent / "index").glob("generation-*"))) == 1


async def test_what_was_embedded_before_it_was_cancelled_is_kept(source: Path) -> None:
    for number in range(400):
        write(source, f"{number}.txt", f"Document {number}")

    class Cancelling(TrigramEmbedder):
        """Its caller is cancelled while the second answer is on its way to the disk."""

        async def embed(self, texts: Sequence[str]) -> Embedded:
            made = await super().embed(texts)
            if len(self.asked) > 50:
                asyncio.get_running_loop().call_soon(task.cancel)
            return made

    cancelled = Cancelling()
    task = asyncio.create_task(build(source, cancelled))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 50 < len(cancelled.asked) < 200
    embedder = TrigramEmbedder()
    assert (await build(source, embedder)).embedded == 405 - len(cancelled.asked)
    assert not set(embedder.asked) & set(cancelled.asked)


async def test_a_reader_keeps_its_generation(source: Path) -> None:
    embedder = TrigramEmbedder()
    await build(source, embedder)
    index = opened(source)
    for text in ("Another text.", "And another one."):
        write(source, "cats.txt", text)
        await build(source, embedder)
    hit = searched(index, "cat mat", 1, vector=embedder.vector("cat mat"))[0]
    assert hit.passage.text == "The cat sat on the mat."
    assert found(opened(source), "mat") == []


async def test_what_cannot_be_opened_names_the_command_that_mends_it(source: Path) -> None:
    place = source.parent / "index"
    mend = f"run: lean-agent index build {source} --out {place}"
    with pytest.raises(ConfigurationError, match="no index in"):
        Index.open(place)
    await build(source, TrigramEmbedder())
    with pytest.raises(ConfigurationError, match="made with test:trigrams") as refused:
        Index.open(place, embedder="local:x y")
    assert refused.value.hint == f"{mend} --embedder 'local:x y'"
    generation = next(place.glob("generation-*"))
    for name in ("vectors/vectors.faiss", "words/words.utf8", "passages/texts.ends"):
        path = generation / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ConfigurationError, match="damaged") as refused:
            Index.open(place)
        assert refused.value.hint == mend
        path.write_bytes(whole)
    assert found(opened(source), "whale") == ["whales.md"]
    manifest = generation / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format_version": 99}))
    with pytest.raises(ConfigurationError, match="format 99") as refused:
        Index.open(place)
    assert refused.value.hint == mend
    assert (await build(source)).read == 3
    (next(place.glob("generation-*")) / "manifest.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="damaged"):
        Index.open(place)
    assert (await build(source)).read == 3
    assert found(opened(source), "whale") == ["whales.md"]


def harmed(place: Path, name: str, data: bytes) -> None:
    generation = next(place.glob("generation-*"))
    (place / name if name == "current" else generation / name).write_bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("current", b""),
        ("current", b"generation-x\n"),
        ("current", b"\xff\xfe\n"),
        ("current", b"..\n"),
        ("manifest.json", b"[" * 100_000),
        ("manifest.json", b'{"format_version": 1, "built_ns": "x"}'),
        ("files.jsonl", b'["cats.txt", 1'),
        ("files.jsonl", b"\xff"),
        ("words/starts.i64", b""),
        ("words/words.ends", bytes(8)),
        ("passages/first.u32", b""),
    ],
)
async def test_what_is_damaged_is_mended_by_the_next_build(
    source: Path, name: str, data: bytes
) -> None:
    await build(source)
    place = source.parent / "index"
    harmed(place, name, data)
    with pytest.raises(ConfigurationError, match=r"damaged|no index") as refused:
        opened(source).files()
    assert refused.value.hint.startswith("run: lean-agent index build")
    assert (await build(source)).read == 3
    assert found(opened(source), "whale") == ["whales.md"]


async def test_places_that_are_refused(source: Path, tmp_path: Path) -> None:
    await build(source)
    other = tmp_path / "others"
    write(tmp_path, "others/file.txt", "text")
    with pytest.raises(ConfigurationError, match="is the index of"):
        await build_index(other, tmp_path / "index")
    with pytest.raises(ConfigurationError, match="other things"):
        await build_index(other, source)
    with pytest.raises(ConfigurationError, match="no such folder"):
        await build_index(tmp_path / "missing", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigurationError, match="no readable documents"):
        await build_index(empty, tmp_path / "new")
    assert Index.open(tmp_path / "index")


async def test_an_index_inside_the_folder_is_not_indexed(source: Path) -> None:
    for changed in (True, False):
        built = await build_index(source, source / "index")
        assert (built.changed, built.manifest.files) == (changed, 3)


async def test_one_builds_at_a_time(source: Path) -> None:
    class Nested(TrigramEmbedder):
        async def embed(self, texts: Sequence[str]) -> Embedded:
            with pytest.raises(ConfigurationError, match="by another process"):
                await build(source)
            return await super().embed(texts)

    embedder = Nested()
    await build(source, embedder)
    assert embedder.asked


async def test_progress_is_told(source: Path) -> None:
    told: list[tuple[Stage, int, int]] = []
    place = source.parent / "index"

    def progress(stage: Stage, done: int, total: int) -> None:
        told.append((stage, done, total))

    await build_index(source, place, embedder=TrigramEmbedder(), progress=progress)
    reading = [("reading", n, 3) for n in (1, 2, 3)]
    assert told == [*reading, ("embedding", 0, 5), ("embedding", 5, 5)]
    told.clear()
    (source / "more" / "dogs.txt").unlink()
    await build_index(source, place, embedder=TrigramEmbedder(), progress=progress)
    assert told == [("reading", 1, 2), ("reading", 2, 2)]


@pytest.mark.slow
async def test_readers_come_while_builds_go_on(source: Path) -> None:
    embedder = TrigramEmbedder()
    await build(source, embedder)
    done = threading.Event()

    def read() -> int:
        count = 0
        while not done.is_set():
            index = opened(source)
            assert found(index, "whale") == ["whales.md"]
            assert searched(index, "x", 1, vector=embedder.vector("x"))
            count += 1
        return count

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for number in range(30):
                write(source, "cats.txt", f"cat {number}")
                await build(source, embedder)
        finally:
            done.set()
        assert all(reader.result() > 30 for reader in readers)
