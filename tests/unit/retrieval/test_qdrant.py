from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest
from support.embedding import TrigramEmbedder
from support.qdrant_server import QdrantServer, qdrant_server

from lean_agent.embedder import Embedder
from lean_agent.errors import ConfigurationError, RetrievalError
from lean_agent.retrieval import building
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.index_retriever import IndexRetriever
from lean_agent.retrieval.qdrant import QdrantRetriever
from lean_agent.retrieval.qdrant_push import push_index
from lean_agent.retrieval.retriever import Retriever, check_address
from lean_agent.retrieval.vectors import write_vectors
from lean_agent.testing import check_retriever

pytestmark = pytest.mark.slow

EMBEDDER = TrigramEmbedder()


@pytest.fixture
def server() -> Generator[QdrantServer]:
    with qdrant_server() as made:
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    chance = random.Random(0)
    for number in range(300):
        words = " ".join(f"word{chance.randrange(50)}" for _ in range(chance.randrange(3, 9)))
        (folder / f"{number:03}.txt").write_text(f"Entry {number} tells of {words}.")
    (folder / "cat.txt").write_text("The cat sat on the mat. The cat slept.")
    return folder


def thin_out(source: Path) -> None:
    """The local mode writes each point to the disk by itself."""
    for path in source.glob("[0-9]*.txt"):
        path.unlink()


async def indexed(source: Path, embedder: Embedder | None = EMBEDDER) -> Index:
    built = await build_index(source, source.parent / "index", embedder=embedder)
    return Index.open(built.folder)


async def pushed(to: str, place: Path, folder: Path, embedder: Embedder | None) -> Retriever:
    built = await build_index(folder, place / "index", embedder=embedder)
    await push_index(Index.open(built.folder), to)
    return await QdrantRetriever.open(to)


@pytest.mark.slow
async def test_it_is_a_retriever_in_local_mode(tmp_path: Path) -> None:
    await check_retriever(partial(pushed, str(tmp_path / "qdrant"), tmp_path))


@pytest.mark.slow
async def test_it_is_a_retriever_by_words_alone(tmp_path: Path) -> None:
    async def make(folder: Path, _embedder: Embedder) -> Retriever:
        return await pushed(str(tmp_path / "qdrant"), tmp_path, folder, None)

    await check_retriever(make)


@pytest.mark.slow
@pytest.mark.parametrize("graph", [True, False])
async def test_it_is_a_retriever_on_a_server(
    graph: bool, tmp_path: Path, server: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if graph:
        monkeypatch.setattr(building, "write_vectors", partial(write_vectors, exact_below=0))
    await check_retriever(partial(pushed, server.url, tmp_path))


@pytest.mark.slow
async def test_it_finds_what_the_index_on_disk_finds(source: Path, server: QdrantServer) -> None:
    index = await indexed(source)
    await push_index(index, server.url)
    there, here = await QdrantRetriever.open(server.url), IndexRetriever(index)
    for query in ("the cat slept", "entry 17 of word3", "word1 word2 word2 mat", "zebra"):
        found = (await there.search(query, 20)).hits
        wanted = (await here.search(query, 20)).hits
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted])
        scores = {hit.passage: hit.score for hit in (await here.search(query, 301)).hits}
        for hit in found:
            assert hit.score == pytest.approx(scores[hit.passage])
        vector = EMBEDDER.vector(query)
        found = (await there.search(query, 20, vector=vector)).hits
        wanted = (await here.search(query, 20, vector=vector)).hits
        assert found[0].passage == wanted[0].passage
        # Cosines that differ in the last bit only may change places.
        ids = {hit.passage.id for hit in found} & {hit.passage.id for hit in wanted}
        assert len(ids) >= 19
    await there.aclose()


@pytest.mark.slow
async def test_a_server_is_asked_at_one_efsearch_after_the_other(
    source: Path, server: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "write_vectors", partial(write_vectors, exact_below=0))
    index = await indexed(source)
    calibration = index.manifest.calibration
    assert calibration is not None
    await push_index(index, server.url)
    created = next(b for m, p, b in server.asked if m == "PUT" and p.count("/") == 2)
    assert (created["hnsw_config"]["m"], created["hnsw_config"]["ef_construct"]) == (32, 80)
    retriever = await QdrantRetriever.open(server.url, embedder="test:trigrams", ladder=True)

    async def efs(hurry: bool) -> tuple[list[int], int, bool]:
        before = len(server.points())
        vector = EMBEDDER.vector("cat")
        found = await retriever.search("cat", vector=vector, hurry=lambda: hurry)
        new = [body for body in server.points()[before:] if body["using"] == "dense"]
        return [body["params"]["hnsw_ef"] for body in new], found.rungs, found.mature

    assert await efs(hurry=True) == ([16, 64], 2, True)
    server.hidden_below = 64
    assert await efs(hurry=True) == ([16, 64, 256], 3, True)
    server.hidden_below = 0
    vector = EMBEDDER.vector("cat")
    found = await retriever.search("zebra", 250, vector=vector, hurry=lambda: True)
    assert (len(found.hits), found.rungs) == (250, 2)
    await retriever.aclose()
    retriever = await QdrantRetriever.open(server.url, embedder="test:trigrams")
    assert await efs(hurry=False) == ([calibration.ef_search], 1, True)
    await retriever.aclose()


async def test_without_a_graph_the_server_is_asked_for_an_exact_search(
    source: Path, server: QdrantServer
) -> None:
    await push_index(await indexed(source), server.url)
    retriever = await QdrantRetriever.open(server.url)
    found = await retriever.search("cat", vector=EMBEDDER.vector("cat"), hurry=lambda: False)
    assert (found.rungs, found.mature) == (1, True)
    assert [b["params"]["exact"] for b in server.points() if b["using"] == "dense"] == [True]
    await retriever.aclose()


@pytest.mark.slow
async def test_a_push_goes_on_where_it_was_cut_off(source: Path, server: QdrantServer) -> None:
    index = await indexed(source)
    embedded = len(EMBEDDER.asked)
    server.upserts = 1
    with pytest.raises(RetrievalError, match=r"status 500: .*disk full"):
        await push_index(index, server.url)
    with pytest.raises(ConfigurationError, match="no collection lean-agent"):
        await QdrantRetriever.open(server.url)
    server.upserts = None
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    done = await push_index(index, server.url, progress=progress)
    assert (done.passages, done.sent) == (301, 301 - 128)
    assert told == [(256, 301), (301, 301)]
    again = await push_index(index, server.url)
    assert (again.generation, again.sent) == (done.generation, 0)
    assert len(EMBEDDER.asked) == embedded


@pytest.mark.slow
async def test_the_old_one_answers_until_the_new_one_is_complete(
    source: Path, server: QdrantServer
) -> None:
    await push_index(await indexed(source), server.url)
    retriever = await QdrantRetriever.open(server.url)
    (source / "cat.txt").write_text("The zebra stood still.")
    server.upserts = 2
    with pytest.raises(RetrievalError, match="disk full"):
        await push_index(await indexed(source), server.url)
    assert (await retriever.search("cat", 1)).hits[0].passage.source == "cat.txt"
    assert not (await retriever.search("zebra", 1)).hits
    server.upserts = None
    (source / "dog.txt").write_text("The dog barked.")
    await push_index(await indexed(source), server.url)
    found = await asyncio.gather(*(retriever.search("dog barked zebra", 2) for _ in range(5)))
    for each in found:
        assert {hit.passage.source for hit in each.hits} == {"cat.txt", "dog.txt"}
    names = {path for method, path, _ in server.asked if method == "DELETE"}
    assert len(names) == 2, "the generation before and the one that was cut off are removed"
    await retriever.aclose()


async def test_a_damaged_index_is_not_pushed(source: Path, tmp_path: Path) -> None:
    index = await indexed(source)
    with next(index.folder.glob("generation-*/words/scores.f32")).open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(ConfigurationError, match="damaged"):
        await push_index(index, str(tmp_path / "qdrant"))


async def test_what_is_not_ours_is_left_alone(source: Path, server: QdrantServer) -> None:
    index = await indexed(source)
    server.answer("PUT", "/collections/theirs", {"vectors": {"size": 4, "distance": "Dot"}}, None)
    body = {"vectors": {}, "metadata": {"of": "them"}}
    server.answer("PUT", "/collections/lean-agent-0123456789ab", body, None)
    with pytest.raises(ConfigurationError, match="was not made by lean-agent"):
        await push_index(index, server.url, collection="theirs")
    with pytest.raises(ConfigurationError, match="was not made by lean-agent"):
        await QdrantRetriever.open(server.url, collection="theirs")
    await push_index(index, server.url)
    assert not [path for method, path, _ in server.asked if method == "DELETE"]


@pytest.mark.slow
async def test_another_embedders_collection_is_refused(source: Path, server: QdrantServer) -> None:
    await push_index(await indexed(source), server.url)
    words_alone = await indexed(source, None)
    with pytest.raises(ConfigurationError, match="vectors of test:trigrams, not words alone"):
        await push_index(words_alone, server.url)
    with pytest.raises(ConfigurationError, match="not vectors of local:other") as refused:
        await QdrantRetriever.open(server.url, embedder="local:other")
    assert "--collection" in refused.value.hint
    await push_index(words_alone, server.url, collection="words")


async def test_the_key_is_sent_and_never_shown(
    source: Path,
    server: QdrantServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.key = "hidden-key-4711"
    with pytest.raises(RetrievalError, match="refuses the key") as refused:
        await QdrantRetriever.open(server.url)
    assert refused.value.hint == "set QDRANT_API_KEY"
    monkeypatch.setenv("QDRANT_API_KEY", "hidden-key-4711")
    await push_index(await indexed(source), server.url)
    retriever = await QdrantRetriever.open(server.url)
    assert (await retriever.search("cat", 1)).hits
    assert server.keys[0] is None
    assert set(server.keys[1:]) == {"hidden-key-4711"}
    assert "hidden-key" not in caplog.text + repr(retriever) + retriever.name
    await retriever.aclose()


async def test_a_server_that_keeps_no_metadata_is_told(source: Path, server: QdrantServer) -> None:
    server.old = True
    with pytest.raises(RetrievalError, match="keeps no metadata") as refused:
        await push_index(await indexed(source), server.url)
    assert "1.16" in refused.value.hint
    assert server.asked[-1][0] == "DELETE"


async def test_a_server_that_goes_away_and_comes_back(source: Path) -> None:
    index = await indexed(source)
    with qdrant_server() as server:
        await push_index(index, server.url)
        retriever = await QdrantRetriever.open(server.url)
    with pytest.raises(RetrievalError, match=f"no answer from {server.url}") as down:
        await retriever.search("cat", vector=EMBEDDER.vector("cat"))
    assert "running" in down.value.hint
    assert "\n" not in down.value.message
    with pytest.raises(RetrievalError, match="no answer"):
        await push_index(index, server.url)
    await retriever.aclose()


@pytest.mark.parametrize(
    "at", ["", " ", "localhost:6333", "grpc://x", "http://", "http://x:99999", "http://a:b@x"]
)
async def test_places_that_are_none(at: str, source: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await QdrantRetriever.open(at)
    assert refused.value.hint
    assert "a:b" not in refused.value.message


async def test_a_folder_of_other_things_is_left_alone(source: Path, tmp_path: Path) -> None:
    index = await indexed(source)
    for what in (source, source / "cat.txt"):
        with pytest.raises(ConfigurationError, match="holds other things"):
            await push_index(index, str(what))
    with pytest.raises(ConfigurationError, match="no collection") as refused:
        await QdrantRetriever.open(str(tmp_path / "new"))
    assert "lean-agent index push" in refused.value.hint
    assert not (tmp_path / "new").exists()


async def test_a_local_folder_serves_one_at_a_time(source: Path, tmp_path: Path) -> None:
    thin_out(source)
    index, place = await indexed(source), str(tmp_path / "qdrant")
    await push_index(index, place)
    retriever = await QdrantRetriever.open(place)
    with pytest.raises(RetrievalError, match="is in use"):
        await QdrantRetriever.open(place)
    await retriever.aclose()
    with pytest.raises(ConfigurationError, match="no collection"):
        await QdrantRetriever.open(place, collection="other")
    assert (await retriever.search("cat", 1)).hits
    await retriever.aclose()


async def test_a_search_that_hangs_can_be_cancelled(source: Path, server: QdrantServer) -> None:
    await push_index(await indexed(source), server.url)
    retriever = await QdrantRetriever.open(server.url)
    with server.held():
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(retriever.search("cat", vector=EMBEDDER.vector("cat")), 0.1)
        assert time.monotonic() - started < 1
    assert (await retriever.search("cat", 1)).hits
    await retriever.aclose()


@pytest.mark.slow
async def test_where_the_passages_were_embedded_goes_with_them(
    source: Path, server: QdrantServer
) -> None:
    class Elsewhere(TrigramEmbedder):
        base_url = "http://me:secret@127.0.0.1:9/v1"

    built = await build_index(source, source.parent / "elsewhere", embedder=Elsewhere())
    await push_index(Index.open(built.folder), server.url)
    retriever = await QdrantRetriever.open(server.url)
    check_address(retriever, Elsewhere())
    with pytest.raises(ConfigurationError, match=r"embedded at http://127\.0\.0\.1:9/v1"):
        check_address(retriever, TrigramEmbedder())
    await retriever.aclose()
