"""What every Retriever must keep to. Spec: retrieval."""

from __future__ import annotations

import asyncio
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lean_agent.embedder import Embedded, Embedder
from lean_agent.errors import ConfigurationError, RetrievalError
from lean_agent.retrieval.retriever import Found, Retriever
from lean_agent.testing.checking import check
from lean_agent.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["check_retriever"]

_DIMENSIONS = 64
_TEXTS = {
    "whale.txt": "The blue whale is the largest animal that ever lived.",
    "cat.txt": "The cat sat on the mat, and the cat slept.",
    "dog.txt": "A dog met a cat.",
    "unicode.txt": "Ünïcode façade 東京 Ελλάδα 🐋 naïve.",
    "more/number.txt": 'Room 1984 costs 17 euros & <b>nothing</b> else.\n\nThat\'s "all".',
    **{f"many/{n:03}.txt": f"Entry {n} of the register, word{n}." for n in range(150)},
}
_QUERY = "the cat on the mat"
_HOSTILE = (
    "",
    " \n\t",
    "?!",
    "\0",
    "\ud800",
    "' OR 1=1; --",
    '{"a": [',
    "\\",
    "NOT AND OR (",
    "cat^2 ca* cat~ +cat -dog field:cat",
    "🐋" * 50,
    "cat " * 20_000,
    "x" * 200_000,
)
_SECONDS = 60.0
_SEARCHES = 40


async def check_retriever(make: Callable[[Path, Embedder], Awaitable[Retriever]]) -> None:
    """Check a kind of retriever.

    Args:
        make: Makes one over a folder of about 150 short texts, each of which is one passage. Its
            ``embedder`` is then the name of the one given, or None if it compares words alone.
            It is awaited once, and what it gives is closed.

    Raises:
        AssertionError: it says which rule the retriever breaks.
    """
    embedder = _Hashed()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in _TEXTS.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        retriever = await make(folder, embedder)
        try:
            await _check(retriever, embedder)
        except (ConfigurationError, RetrievalError) as error:
            raise AssertionError(f"a retriever that was filled must search: {error}") from error
        finally:
            await retriever.aclose()


async def _check(retriever: Retriever, embedder: _Hashed) -> None:
    check(bool(retriever.name), "a retriever must have a name")
    check(
        retriever.embedder in (None, embedder.name),
        f"the embedder is {embedder.name!r}, or None for words alone, not {retriever.embedder!r}",
    )
    vectors: list[NDArray[np.float32] | None] = [None]
    if retriever.embedder is not None:
        vectors.append(embedder.vector(_QUERY))
    for vector in vectors:
        await _finds_the_best_first(retriever, vector)
        await _keeps_to_k(retriever, vector)
        await _bears_any_query(retriever, vector)
        await _is_never_wrong_in_a_hurry(retriever, vector)
        await _can_be_cancelled(retriever, vector)
    await _compares_words(retriever)
    if retriever.embedder is not None:
        await _compares_vectors(retriever, embedder)
    await _refuses_other_vectors(retriever, embedder)
    await _serves_several_at_once(retriever, embedder)
    before = await retriever.search(_QUERY, 3)
    await retriever.aclose()
    await retriever.aclose()
    check(
        await retriever.search(_QUERY, 3) == before,
        "a retriever that was closed must open again at the next search",
    )


async def _finds_the_best_first(retriever: Retriever, vector: NDArray[np.float32] | None) -> None:
    found = await _searched(retriever, _QUERY, 5, vector)
    check(bool(found.hits), "a passage that holds the query's words must be found")
    check(
        found.hits[0].passage.source == "cat.txt",
        f"the best passage comes first, which is not {found.hits[0].passage.source}",
    )
    again = await _searched(retriever, _QUERY, 5, vector)
    check(again == found, "the same search must find the same again")


async def _keeps_to_k(retriever: Retriever, vector: NDArray[np.float32] | None) -> None:
    query = "entry register"  # 150 passages share these words
    for k in (1, 7, 120):
        found = await _searched(retriever, query, k, vector)
        check(len(found.hits) == k, f"of more passages that fit, {k} were asked for")
    for k in (0, -1):
        found = await _searched(retriever, query, k, vector)
        check(not found.hits, f"{k} passages are none")
    found = await _searched(retriever, query, 10**6, vector)
    wanted = 150 if vector is None else len(_TEXTS)
    check(len(found.hits) == wanted, f"all {wanted} that fit, where more are asked for")


async def _bears_any_query(retriever: Retriever, vector: NDArray[np.float32] | None) -> None:
    for query in _HOSTILE:
        await _searched(retriever, query, 5, vector)


async def _is_never_wrong_in_a_hurry(
    retriever: Retriever, vector: NDArray[np.float32] | None
) -> None:
    patient = await _searched(retriever, _QUERY, 5, vector, hurry=lambda: False)
    hasty = await _searched(retriever, _QUERY, 5, vector, hurry=lambda: True)
    check(hasty.rungs <= patient.rungs, "hurry must not make a search longer")
    if patient.rungs == 1:
        check(hasty == patient, "a search that looks once has no use for hurry")
    check(hasty.hits[0] == patient.hits[0], "hurry must not cost the best passage")


async def _can_be_cancelled(retriever: Retriever, vector: NDArray[np.float32] | None) -> None:
    before = await _searched(retriever, _QUERY, 5, vector)
    for delay in (0.0, 0.0005, 0.002):
        task = asyncio.create_task(retriever.search(_QUERY, 5, vector=vector))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait({task}, timeout=_SECONDS)
        check(task.done(), "a cancelled search must end")
    check(
        await _searched(retriever, _QUERY, 5, vector) == before,
        "a cancelled search must leave the retriever as it was",
    )


async def _compares_words(retriever: Retriever) -> None:
    for query, source in (
        ("ÜNÏCODE", "unicode.txt"),
        ("東京", "unicode.txt"),
        ("largest animal?", "whale.txt"),
        ("1984", "more/number.txt"),
        ("word77", "many/077.txt"),
    ):
        found = await _searched(retriever, query, 1, None)
        check(
            [hit.passage.source for hit in found.hits] == [source],
            f"{query!r} stands in {source} alone",
        )
    found = await _searched(retriever, "zebra", 5, None)
    check(not found.hits, "without a vector, a query that shares no word finds nothing")


async def _compares_vectors(retriever: Retriever, embedder: _Hashed) -> None:
    """A query without a word in common is found by its vector alone."""
    text = _TEXTS["whale.txt"]
    found = await _searched(retriever, "zebra", 5, embedder.vector(f"whale\n{text}"))
    check(len(found.hits) == 5, "with a vector there is a nearest passage to any query")
    first = found.hits[0]
    check(
        (first.passage.source, first.lexical_rank, first.dense_rank) == ("whale.txt", None, 1),
        "the passage whose vector is the query's is the first by vectors, and none by words",
    )


async def _refuses_other_vectors(retriever: Retriever, embedder: _Hashed) -> None:
    import numpy as np

    right = embedder.vector(_QUERY)
    wrong: dict[str, NDArray[np.float32]] = {
        "of other dimensions": right[:-1],
        "of two axes": right.reshape(1, -1),
        "with NaN": np.full_like(right, np.nan),
    }
    if retriever.embedder is None:
        wrong["where words alone are compared"] = right
    for what, vector in wrong.items():
        try:
            await retriever.search(_QUERY, 5, vector=vector)
        except ConfigurationError:
            continue
        raise AssertionError(f"a vector {what} must raise ConfigurationError")


async def _serves_several_at_once(retriever: Retriever, embedder: _Hashed) -> None:
    async def one(number: int) -> Found:
        query = f"word{number}"
        vector = None
        if retriever.embedder is not None and number % 2:
            vector = embedder.vector(query)
        return await retriever.search(query, 3, vector=vector)

    alone = [await one(number) for number in range(_SEARCHES)]
    together = await asyncio.gather(*(one(number) for number in range(_SEARCHES)))
    check(together == alone, "searches at the same time must find what each finds alone")


async def _searched(
    retriever: Retriever,
    query: str,
    k: int,
    vector: NDArray[np.float32] | None,
    hurry: Callable[[], bool] = lambda: True,
) -> Found:
    """A search whose result has the right form."""
    started = time.monotonic()
    found = await retriever.search(query, k, vector=vector, hurry=hurry)
    shown = repr(query if len(query) < 50 else f"{query[:50]}...")
    check(time.monotonic() - started < _SECONDS, f"the search for {shown} must end in time")
    hits = found.hits
    check(len(hits) <= max(k, 0), f"of {k} passages asked for, {len(hits)} came")
    scores = [hit.score for hit in hits]
    check(scores == sorted(scores, reverse=True), f"scores must fall, not {scores[:10]}")
    ids = {hit.passage.id for hit in hits}
    check(len(ids) == len(hits), "no passage is found twice by one search")
    check(found.rungs >= 1, "a search looks once at least")
    for hit in hits:
        passage = hit.passage
        check(
            passage.text == _TEXTS.get(passage.source),
            f"the passage of {passage.source} must be whole, not {passage.text!r}",
        )
        check(
            passage.id == f"{passage.source}#1" and passage.title == Path(passage.source).stem,
            f"id and title of {passage.source} must be those it was given, not {passage.id!r} and"
            f" {passage.title!r}",
        )
        check(
            hit.lexical_rank is not None or hit.dense_rank is not None,
            "a hit was found by words or by vectors",
        )
        if vector is None:
            check(hit.dense_rank is None, "without a vector nothing is found by vectors")
    return found


class _Hashed:
    """An embedder that needs no model: letter trigrams hashed to signs."""

    name = "check:trigrams"

    async def embed(self, texts: Sequence[str]) -> Embedded:
        import numpy as np

        return Embedded(vectors=np.stack([*map(self.vector, texts)]), usage=Usage())

    async def aclose(self) -> None:
        pass

    def vector(self, text: str) -> NDArray[np.float32]:
        import numpy as np

        made = np.zeros(_DIMENSIONS, np.float32)
        made[0] = 1e-3  # a text without a trigram has a direction, too
        padded = f" {text.lower()} "
        for start in range(len(padded) - 2):
            digest = zlib.crc32(padded[start : start + 3].encode("utf-8", "replace"))
            made[digest % _DIMENSIONS] += 1 if digest & 2**31 else -1
        return made / np.float32(np.linalg.norm(made))
